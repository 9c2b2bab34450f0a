# SPDX-License-Identifier: GPL-3.0-or-later
"""What turns a Debian machine with a sound card into a matriz box: matriz-setup and matriz-jackd."""
