# SPDX-License-Identifier: Apache-2.0
"""Numbers and structures of the kernel's interface that messages and dumps are made of.

From include/uapi/linux: netlink.h, rtnetlink.h, if_link.h, if.h, if_addr.h, ip.h and
veth.h.
"""

from __future__ import annotations

import struct

# netlink.h: struct nlmsghdr is length, type, flags, sequence number, port.
HEADER = struct.Struct("=IHHII")
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGERR_ATTR_MSG = 1
SOL_NETLINK = 270
NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 10, 11, 12
NLM_F_DUMP_INTR = 0x10

# rtnetlink.h: struct ifinfomsg is family, type, index, flags, change.
IFINFOMSG = struct.Struct("=BxHiII")
# if_addr.h: struct ifaddrmsg is family, prefix length, flags, scope, index.
IFADDRMSG = struct.Struct("=BBBBI")
# rtnetlink.h: struct rtmsg is family, destination's and source's length, TOS, table,
# protocol, scope, type, flags.
RTMSG = struct.Struct("=BBBBBBBBI")
RTN_UNREACHABLE = 7
RTA_PRIORITY, RTA_TABLE = 6, 15
RTEXT_FILTER_SKIP_STATS = 1 << 3

# if_link.h
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP = 16, 18, 20, 26, 27
IFLA_EXT_MASK, IFLA_LINK_NETNSID = 29, 37
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
IFLA_VRF_TABLE = 1
IFLA_VXLAN_ID, IFLA_VXLAN_LINK, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LEARNING = 1, 3, 4, 7
IFLA_VXLAN_PORT, IFLA_VXLAN_GROUP6, IFLA_VXLAN_LOCAL6 = 15, 16, 17
# "mode" is the kernel's word for hairpin (br_netlink.c).
IFLA_BRPORT_MODE, IFLA_BRPORT_LEARNING = 4, 8
IF_OPER_UP = 6  # if.h
IFLA_INET6_ADDR_GEN_MODE = 8
IN6_ADDR_GEN_MODE_EUI64, IN6_ADDR_GEN_MODE_NONE = 0, 1
# Of ip.h, which numbers the settings of net.ipv4.conf from 1.
IFLA_INET_CONF, IPV4_DEVCONF_ACCEPT_LOCAL = 1, 23
VETH_INFO_PEER = 1  # veth.h

# if_addr.h
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_PROTO = 1, 2, 8, 11
IFA_F_SECONDARY, IFA_F_NODAD = 0x01, 0x02
