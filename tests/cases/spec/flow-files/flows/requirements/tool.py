from promptflow.core import tool


@tool
def run(text: str) -> str:
    return text
