# SPDX-License-Identifier: GPL-3.0-or-later
"""What `./dev bench` is made of: systems under the same conditions, measured the same way, in one run."""
