# SPDX-License-Identifier: GPL-3.0-or-later
"""What the integration tests and the demo are made of: private JACK servers, real programs, free ports, clean ends.

Standard library only (original_*.py: python3-websockets too). Nothing here outlives the process that uses it.
"""
