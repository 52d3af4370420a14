from promptflow.core import tool


@tool
def run(txt: str) -> str:
    return text
