"""The command line. Every command imports what it needs when it runs: a small run must feel instant."""

from __future__ import annotations

import os
import sys

# Nothing here is linear algebra, and several runs go on side by side: a pool of threads would only cost its start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click

from experiments.cli.experiment import experiment
from experiments.cli.hosts import hosts
from experiments.cli.plot import plot
from experiments.cli.policies import policies
from experiments.cli.record import record
from experiments.cli.run import run
from experiments.cli.testbed import testbed
from experiments.cli.trace import trace
from experiments.cli.validate import validate
from policies.errors import UserError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="towtank")
def towtank() -> None:
    """Test container schedulers in a tank before the open sea."""


for command in (run, validate, plot, trace, experiment, policies, hosts, record, testbed):
    towtank.add_command(command)


def main(*words: str) -> None:
    """Run the command line: a user's error is one line and exit code 2, Ctrl-C is 130.

    Parameters
    ----------
    *words : str
        What is put before the arguments of the process.
    """
    try:
        towtank([*words, *sys.argv[1:]], standalone_mode=False)
    except UserError as error:
        print(f"towtank: {error}", file=sys.stderr)
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
    except (click.Abort, KeyboardInterrupt):
        goes_on = (
            "; the same command with the same --out goes on from here"
            if sys.argv[1:2] in (["run"], ["validate"])
            else ""
        )
        print(f"towtank: interrupted{goes_on}", file=sys.stderr)
        sys.exit(130)
