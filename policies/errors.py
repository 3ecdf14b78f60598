"""The one kind of error that is the user's to mend."""


class UserError(Exception):
    """Something a user gave us cannot be used; the message is one line that names the file, row or option.

    The command line prints the message and exits with code 2. Anything else that is raised is our bug.
    """
