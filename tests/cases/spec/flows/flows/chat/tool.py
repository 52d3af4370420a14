from promptflow import tool


@tool
def run(conn: CustomConnection, text: str) -> str: ...
