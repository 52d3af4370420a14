from promptflow.core import tool


@tool
def ask(question: str) -> str:
    return question
