# SPDX-License-Identifier: GPL-3.0-or-later
"""What a home's router does, as nftables rules. `wan` is its outer device, `lan` the inner one.

The words are those of RFC 4787 (in brackets the older ones of RFC 3489):

| kind | mapping | filtering |
| --- | --- | --- |
| open | none | none |
| full | endpoint-independent | endpoint-independent (full cone) |
| address | endpoint-independent | address-dependent (restricted cone) |
| port | endpoint-independent | address- and port-dependent (port-restricted cone) |
| symmetric | address- and port-dependent, ports at random | address- and port-dependent |
| relay-only | as port | and UDP goes nowhere but to the TURN server; TCP as it likes |
| no-udp | as port | no UDP at all, TCP as it likes |
| blocked | as port | no UDP at all, TCP to the config server only |

IPv6 is not translated; but for "open", only what was asked for comes in, as with every home router.
"""
import os
import subprocess

KINDS = ("open", "full", "address", "port", "symmetric", "relay-only", "no-udp", "blocked")
TURN_PORT = 3478

# The outer port of each mapping, as it came out of the translation, leads to the inner end for whoever may use it.
_LEARN = """
    map inside { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 5m; }
    set spoken { type inet_service . ipv4_addr; flags dynamic,timeout; timeout 5m; }
    chain learn {
        type filter hook postrouting priority srcnat + 10;
        oifname "wan" meta l4proto udp ct direction original \
            update @inside { udp sport : ct original ip saddr . ct original proto-src }
        oifname "wan" meta l4proto udp update @spoken { udp sport . ip daddr }
    }
"""

_LET_IN = {
    "full": 'iifname "wan" meta l4proto udp dnat to udp dport map @inside',
    "address": 'iifname "wan" meta l4proto udp udp dport . ip saddr @spoken dnat to udp dport map @inside',
}

_OUTGOING = {
    "relay-only": f"""
        iifname "lan" ip daddr SERVER4 udp dport {TURN_PORT} accept
        iifname "lan" ip6 daddr SERVER6 udp dport {TURN_PORT} accept
        iifname "lan" meta l4proto udp drop
    """,
    "no-udp": """
        iifname "lan" meta l4proto udp drop
    """,
    "blocked": """
        iifname "lan" tcp dport CONTROL accept
        iifname "lan" meta l4proto { udp, tcp } drop
    """,
}


def _nat(kind):
    how = "masquerade random,fully-random" if kind == "symmetric" else "masquerade"
    learn, let_in = (_LEARN, _LET_IN[kind]) if kind in _LET_IN else ("", "")
    return f"""
table ip nat {{
    {learn}
    chain incoming {{ type nat hook prerouting priority dstnat; {let_in}
    }}
    chain outgoing {{ type nat hook postrouting priority srcnat; oifname "wan" {how}
    }}
}}
"""


def rules(kind, server4, server6, control_port):
    """The whole ruleset, which replaces the one there is."""
    if kind not in KINDS:
        raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
    if kind == "open":
        return "flush ruleset\n"
    outgoing = (_OUTGOING.get(kind, "").replace("SERVER4", server4).replace("SERVER6", server6)
                .replace("CONTROL", str(control_port)))
    # A packet for the router itself must not become a connection: it would take the outer port that a host inside uses,
    # and the host's own packets would come out of another one.
    return f"""flush ruleset
{_nat(kind)}
table inet filter {{
    chain input {{
        type filter hook input priority filter;
        iifname "wan" ct state new meta l4proto {{ udp, tcp }} drop
    }}
    chain forward {{
        type filter hook forward priority filter;
        {outgoing}
        iifname "wan" ct state new ct status ! dnat drop
    }}
}}
"""


def why_not():
    """Why the kernel or this machine knows no such rules, or None."""
    for program in ("nft", "conntrack"):
        if not any(os.access(os.path.join(d, program), os.X_OK) for d in (*os.environ["PATH"].split(":"), "/usr/sbin")):
            return f"{program} is not installed"
    for kind in KINDS:
        done = subprocess.run(["unshare", "--net", "nft", "-f", "-"], input=rules(kind, "192.0.2.1", "2001:db8::1", 5000),
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"the kernel's nftables cannot be a NAT ({kind}): {done.stderr.strip().splitlines()[0]}"
    return None
