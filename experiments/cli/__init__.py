"""The command line. Every command imports what it needs when it runs: a small run must feel instant."""

from __future__ import annotations

import os
import signal
import sys

# Nothing here is linear algebra, and several runs go on side by side: a pool of threads would only cost its start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click

from experiments.cli.compare import compare
from experiments.cli.completion import VARIABLE, completion
from experiments.cli.experiment import experiment
from experiments.cli.export import export
from experiments.cli.hosts import hosts
from experiments.cli.plot import plot
from experiments.cli.policies import policies
from experiments.cli.record import record
from experiments.cli.report import report
from experiments.cli.rerun import rerun
from experiments.cli.run import run
from experiments.cli.testbed import testbed
from experiments.cli.trace import trace
from experiments.cli.validate import validate
from policies.errors import UserError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="towtank")
def towtank() -> None:
    """Test container schedulers in a tank before the open sea."""


for command in (
    run, rerun, validate, compare, plot, report, export, trace, experiment, policies, hosts, record, testbed,
    completion,
):  # fmt: skip
    towtank.add_command(command)


class _Ended(KeyboardInterrupt):
    """Somebody ends the process in another way than Ctrl-C does: what is done about it is the same."""


def _end(number: int, frame: object) -> None:
    raise _Ended(number)


def main(*words: str) -> None:
    """Run the command line: a user's error is one line and exit code 2, Ctrl-C is 130, SIGTERM 143, SIGHUP 129.

    Parameters
    ----------
    *words : str
        What is put before the arguments of the process.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # whoever has us ignore it means it
            signal.signal(number, _end)
    try:
        if VARIABLE in os.environ:
            from experiments.cli.shells import register

            register()
        towtank([*words, *sys.argv[1:]], prog_name="towtank", standalone_mode=False)
    except UserError as error:
        _say(error, str(error))
        sys.exit(2)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "towtank"
        print(f"towtank: {error.format_message()} (see {command} --help)", file=sys.stderr)
        sys.exit(2)
    except click.ClickException as error:
        print(f"towtank: {error.format_message()}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read our output has had enough of it.
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        print(f"towtank: {error}", file=sys.stderr)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt) as error:
        resumed = sys.argv[1:2] in (["run"], ["validate"], ["experiment"])
        goes_on = "; the same command with the same --out goes on from here" if resumed else ""
        # Click's own error says nothing.
        why = (error.__cause__ if isinstance(error, click.Abort) else None) or error
        _say(why, f"interrupted{goes_on}")
        sys.exit(128 + (why.args[0] if isinstance(why, _Ended) else signal.SIGINT))


def _say(error: BaseException, text: str) -> None:
    for line in (text, *getattr(error, "__notes__", ())):
        print(f"towtank: {line}", file=sys.stderr)
