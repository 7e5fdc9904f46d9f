import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from symae.cli import main


def test_a_taken_port_is_one_line_with_the_remedy():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["ui", "--port", str(port)])
    assert done.exit_code == 2
    assert done.stderr == (
        f"symae: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "choose another with --port, or --port 0 for a free one\n"
    )


def test_a_missing_package_is_one_line_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    done = CliRunner().invoke(main, ["ui"])
    assert done.exit_code == 2
    assert done.stderr == "symae: gradio is not installed: pip install 'symae[demo]'\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--features", "none.parquet"], "there is no table none.parquet"),
        (["--samples", "none"], "no picture in none: give --samples a folder with pictures"),
        (["nowhere/"], "nowhere"),
        (["--address", "127.0.0.1:1"], "nobody answers at 127.0.0.1:1"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(options, said):
    done = CliRunner().invoke(main, ["ui", *options, "--port", "0"])
    assert done.exit_code in (1, 2)
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_help_loads_no_gradio():
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom symae.cli import main\n"
        "assert CliRunner().invoke(main, ['ui', '--help']).exit_code == 0\nassert 'gradio' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
