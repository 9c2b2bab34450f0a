# SPDX-License-Identifier: GPL-3.0-or-later
"""An internet in a box: a public network, and homes behind routers, each router a NAT of a chosen kind.

    internet 203.0.113.1 (.2, .3), 2001:db8::1      config server, TURN, whatever a test puts there
       |      |
    router  router   203.0.113.10 … , 2001:db8::10 …         nat_rules.py: what each kind does
       |      |
    home    home     192.168.1.10 … in each of them alike, as in life; 2001:db8:<n>::10 …; "open": 198.51.100.…

All of it is in namespaces without names (space.py): nothing is left behind, even when the test is killed.
"""
import ipaddress
import itertools

from . import nat_rules
from .space import Space

KINDS = nat_rules.KINDS
PUBLIC4, PUBLIC6 = "203.0.113.", "2001:db8::"
SERVER4, OTHER4, SERVER6 = PUBLIC4 + "1", PUBLIC4 + "2", PUBLIC6 + "1"


def why_not():
    """Why there can be no such lab here, or None."""
    from . import space  # pylint: disable=import-outside-toplevel
    return space.why_not() or nat_rules.why_not()


def _no_waiting(space):
    # Addresses count at once, without a second of duplicate detection; nobody is told of better routes.
    space.sysctl(net__ipv6__conf__all__accept_dad=0, net__ipv6__conf__default__accept_dad=0,
                 net__ipv6__conf__default__accept_ra=0, net__ipv6__conf__default__dad_transmits=0,
                 net__ipv4__conf__all__send_redirects=0, net__ipv4__conf__default__send_redirects=0,
                 net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0)


def _forwarding(space):
    space.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)


class Host:
    """A machine in a home. `on`, `call`, `run`: see Space."""

    def __init__(self, site, name, number):
        self.site = site
        self.name = name
        self.space = Space(name)
        self.on, self.call, self.run = self.space.on, self.space.call, self.space.run
        self._port = f"p{number}"
        _no_waiting(self.space)
        site.router.ip(f"link add {self._port} type veth peer name eth0 netns {self.space.path}")
        site.router.ip(f"link set {self._port} master lan up")
        self.space.ip("link set eth0 up")
        self.address4 = self.address6 = None
        if site.prefix4:
            self.set_address(str(site.prefix4[9 + number]))
        if site.prefix6:
            self.address6 = str(site.prefix6[0x0f + number])
            self.space.ip(f"addr add {self.address6}/64 dev eth0 nodad", 6)
            self.space.ip(f"route add default via {site.prefix6[1]}", 6)

    def set_address(self, address):
        """Gives it this IPv4 address instead of the one it has, as another lease or another socket in the wall does."""
        if self.address4:
            self.space.ip(f"addr del {self.address4}/{self.site.prefix4.prefixlen} dev eth0")
        self.address4 = address
        self.space.ip(f"addr add {address}/{self.site.prefix4.prefixlen} dev eth0")
        self.space.ip(f"route replace default via {self.site.prefix4[1]}")

    def unplug(self):
        """The cable is out; addresses stay."""
        self.site.router.ip(f"link set {self._port} down")

    def plug(self):
        self.site.router.ip(f"link set {self._port} up")


class Site:
    """A home: its router, and hosts on its LAN."""

    def __init__(self, lab, name, kind, number, families):
        self.lab = lab
        self.name = name
        self.kind = kind
        self.hosts = []
        self.router = Space(f"{name}-router")
        self.wan4 = f"{PUBLIC4}{10 + number}" if 4 in families else None
        self.wan6 = f"{PUBLIC6}{0x10 + number:x}" if 6 in families else None
        home4 = f"198.51.100.{16 * number}/28" if kind == "open" else "192.168.1.0/24"
        self.prefix4 = ipaddress.ip_network(home4) if 4 in families else None
        self.prefix6 = ipaddress.ip_network(f"2001:db8:{number:x}::/64") if 6 in families else None
        self._connect(number)
        self.set_kind(kind)

    def _connect(self, number):
        internet, router = self.lab.internet, self.router
        _no_waiting(router)
        _forwarding(router)
        internet.ip(f"link add s{number} type veth peer name wan netns {router.path}")
        internet.ip(f"link set s{number} master net up")
        router.ip("link add lan type bridge forward_delay 0")
        router.ip("link set lan up")
        router.ip("link set wan up")
        if self.wan4:
            self._set_wan4()
            router.ip(f"addr add {self.prefix4[1]}/{self.prefix4.prefixlen} dev lan")
            if self.kind == "open":
                internet.ip(f"route add {self.prefix4} via {self.wan4}")
        if self.wan6:
            router.ip(f"addr add {self.wan6}/64 dev wan nodad", 6)
            router.ip(f"route add default via {SERVER6}", 6)
            router.ip(f"addr add {self.prefix6[1]}/64 dev lan nodad", 6)
            internet.ip(f"route add {self.prefix6} via {self.wan6}", 6)

    def _set_wan4(self):
        self.router.ip(f"addr add {self.wan4}/24 dev wan")
        self.router.ip(f"route replace default via {SERVER4}")

    def set_kind(self, kind):
        """Makes the router another kind of NAT; it forgets all mappings. From or to "open" only between NATs' kinds."""
        self.kind = kind
        self.router.run("nft", "-f", "-", text=nat_rules.rules(kind, SERVER4, SERVER6, self.lab.control_port))
        self.forget()

    def forget(self):
        """The router was off: no mapping is left."""
        self.router.run("conntrack", "-F")

    def move(self, number):
        """The provider gives the router another public address; old mappings are gone."""
        self.router.ip(f"addr del {self.wan4}/24 dev wan")
        self.wan4 = f"{PUBLIC4}{number}"
        self._set_wan4()
        self.forget()

    def host(self, name):
        host = Host(self, name, len(self.hosts) + 1)
        self.hosts.append(host)
        return host

    def close(self):
        for host in self.hosts:
            host.space.close()
        self.router.close()


class Lab:
    """`control_port`: the TCP port of the config server, which even the strictest home lets through."""

    def __init__(self, control_port=5000):
        self.control_port = control_port
        self.sites = []
        self._numbers = itertools.count(1)
        self.internet = Space("internet")
        _no_waiting(self.internet)
        _forwarding(self.internet)
        self.internet.ip("link add net type bridge forward_delay 0")
        self.internet.ip("link set net up")
        for number in (1, 2, 3):
            self.internet.ip(f"addr add {PUBLIC4}{number}/24 dev net")
            self.internet.ip(f"addr add {PUBLIC6}{number}/64 dev net nodad", 6)
        # What is private ends here, silently, as it does at every provider. (With a blackhole route, sending there would be
        # an error, at which coturn closes the allocation.)
        self.internet.ip("link add void type veth peer name nothing")
        for device in ("void", "nothing"):
            self.internet.ip(f"link set {device} arp off up")
        self.internet.ip("route add default dev void")
        self.internet.ip("route add default dev void", 6)

    def site(self, name, kind, families=(4,)):
        """A home with a router of this kind, on IPv4, IPv6, or both."""
        site = Site(self, name, kind, next(self._numbers), families)
        self.sites.append(site)
        return site

    def close(self):
        for site in self.sites:
            site.close()
        self.internet.close()
