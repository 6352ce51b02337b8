"""Executes a notebook with nbclient, jupyter_client and ipykernel, and prints what came out."""

import json

import nbformat
import zmq
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELLS = [
    "import zmq; print(zmq.__name__)",
    "sum(range(101))",
    "import sys; print('to stderr', file=sys.stderr)",
    "len('x' * 3_000_000), 'x' * 300_000",
    "from IPython.display import display, HTML; display(HTML('<b>bold</b>'))",
    "for i in range(500): print(i)",
]
WRONG = "1 / 0"


def texts(cell: nbformat.NotebookNode) -> list[str]:
    found = []
    for output in cell.outputs:
        data = output.get("data", {})
        found.append(output.get("text") or data.get("text/html") or data.get("text/plain", ""))
    return found


def main() -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=60, kernel_name="python3")
    client.execute()
    failing = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(WRONG)])
    try:
        NotebookClient(failing, timeout=60, kernel_name="python3").execute()
        error = ""
    except CellExecutionError as caught:
        error = caught.ename
    print(
        json.dumps(
            {"zmq": zmq.__name__, "texts": [texts(cell) for cell in notebook.cells], "error": error}
        )
    )


main()
