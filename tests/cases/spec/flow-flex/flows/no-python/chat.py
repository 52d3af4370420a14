class Chat
