// SPDX-License-Identifier: GPL-2.0
/*
 * A layer-3 router at clsact ingress, direct-action, IPv4 and IPv6.
 *
 * It forwards what a router forwards without a second thought, drops what a
 * blackhole route names, and leaves everything else untouched to whoever is next:
 * the filters behind it, then the stack, which answers with the right ICMP error.
 * TC_ACT_UNSPEC, not TC_ACT_OK, says that: OK would hide the frame from other
 * people's filters.
 *
 * Written for bcc. Only structures of the stable user-space API are used, so that
 * linux-libc-dev is enough to compile it. docs/dataplane.md tells each decision.
 */
#include <uapi/linux/bpf.h>
#include <uapi/linux/if_ether.h>
#include <uapi/linux/if_packet.h>
#include <uapi/linux/in.h>
#include <uapi/linux/in6.h>
#include <uapi/linux/ip.h>
#include <uapi/linux/ipv6.h>
#include <uapi/linux/pkt_cls.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#define FAMILY_IPV4 2   /* AF_INET, which no user-space header defines alone */
#define FAMILY_IPV6 10  /* AF_INET6 */

#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset (RFC 791, 3.1) */
#define UDP_HEADER 8
#define IPV6_HEADER 40

/*
 * A frame may be longer than its packet by the padding that Ethernet (and a tag that
 * was taken off) makes necessary. What is longer is trimmed by the stack.
 */
#define PADDED_LONGEST 64

/* What became of a frame. Counters outlive programs: append, never renumber. */
enum decision {
	FORWARDED = 0,
	DROPPED_BLACKHOLE = 1,
	PASSED_UNKNOWN_PORT = 2,
	PASSED_NOT_IP = 3,
	PASSED_TAGGED = 4,
	PASSED_NOT_FOR_ROUTER = 5,
	PASSED_MALFORMED = 6,
	PASSED_OPTIONS = 7,
	PASSED_TTL_EXPIRED = 8,
	PASSED_MARTIAN = 9,
	PASSED_SEGMENTS = 10,
	PASSED_UNREACHABLE = 11,
	PASSED_PROHIBITED = 12,
	PASSED_NOT_FORWARDED = 13,
	PASSED_FORWARDING_OFF = 14,
	PASSED_ENCAPSULATION = 15,
	PASSED_NO_NEIGHBOUR = 16,
	PASSED_TOO_BIG = 17,
	PASSED_LOOKUP_FAILED = 18,
	PASSED_UNWRITABLE = 19,
};

/* FIB results are counted under the kernel's own numbers, but for these two. */
#define FIB_RESULT_UNKNOWN 30
#define FIB_RESULT_ERROR 31
#define COUNTER_SLOTS 32 /* room to append: maps of another size start from zero */

struct counter {
	__u64 packets; /* a merged (GRO) packet counts once, as in the stack's own counters */
	__u64 bytes;
};

/* What receives, the interface whose VRF routes, and its MAC address, which is the router's. */
struct port {
	__u32 receiver;
	__u32 router;
	__u8 mac[ETH_ALEN];
	__u16 unused;
};

/*
 * By receiving interface: a VXLAN port is routed by its bridge (its own master is no VRF),
 * any other interface by itself. An interface that is not here is not routed: it is in
 * the default VRF, where a direct lookup does not see table local, and packets to the node
 * itself would be sent away.
 */
BPF_HASH(lookup_port, __u32, struct port, 4096);

/*
 * The same again, by the last bits of the ifindex and for the last of them that was set: an
 * array is read inline, while a hash costs as much as a fifth of everything else.
 */
#define NEAR_PORTS 1024
BPF_ARRAY(near_port, struct port, NEAR_PORTS);

BPF_PERCPU_ARRAY(decisions, struct counter, COUNTER_SLOTS);
BPF_PERCPU_ARRAY(fib_results, struct counter, COUNTER_SLOTS);

/* bcc declares helper 152 with three of its four arguments. */
static long (*redirect_neigh)(__u32 ifindex, struct bpf_redir_neigh *hop, int size,
			      __u64 flags) = (void *)152;

static __always_inline void count_decision(struct __sk_buff *skb, __u32 slot)
{
	struct counter *counter = decisions.lookup(&slot);

	if (counter) {
		counter->packets++;
		counter->bytes += skb->len;
	}
}

static __always_inline void count_fib_result(struct __sk_buff *skb, long result)
{
	__u32 slot = result < 0			     ? FIB_RESULT_ERROR
		     : result >= FIB_RESULT_UNKNOWN ? FIB_RESULT_UNKNOWN
						     : result;
	struct counter *counter = fib_results.lookup(&slot);

	if (counter) {
		counter->packets++;
		counter->bytes += skb->len;
	}
}

/* The header behind Ethernet's, made linear where it is not; NULL where it is cut short. */
static __always_inline void *network_header(struct __sk_buff *skb, __u32 size)
{
	void *data = (void *)(long)skb->data;

	if (data + ETH_HLEN + size > (void *)(long)skb->data_end) {
		if (bpf_skb_pull_data(skb, ETH_HLEN + size))
			return NULL;
		data = (void *)(long)skb->data;
		if (data + ETH_HLEN + size > (void *)(long)skb->data_end)
			return NULL;
	}
	return data + ETH_HLEN;
}

/* Whether the frame holds the whole packet and no more than padding behind it. */
static __always_inline bool fits_frame(struct __sk_buff *skb, __u32 packet)
{
	__u32 frame = ETH_HLEN + packet;

	return skb->len == frame || (skb->len > frame && skb->len <= PADDED_LONGEST);
}

/*
 * Ports matter where routes have several next hops and the hash is of layer 4. They stand
 * behind the network header, which most often leads on into linear data.
 */
static __always_inline void read_ports(struct __sk_buff *skb, struct bpf_fib_lookup *route,
				       const void *header, __u32 size)
{
	const __be16 *ports = header + size;

	if (route->l4_protocol != IPPROTO_TCP && route->l4_protocol != IPPROTO_UDP)
		return;
	if ((void *)(ports + 2) <= (void *)(long)skb->data_end) {
		route->sport = ports[0];
		route->dport = ports[1];
	} else {
		/* Both at once: they stand together here as they do in the packet. */
		bpf_skb_load_bytes(skb, ETH_HLEN + size, &route->sport, 4);
	}
}

/*
 * The length in bytes of what goes on the wire: of the packet, or of one segment where
 * segmentation comes later. 0 where that cannot be told.
 */
static __always_inline __u32 wire_length(struct __sk_buff *skb, __u8 protocol,
					 __u32 header, __u32 packet)
{
	__u8 words;

	if (!skb->gso_size)
		return packet;
	if (protocol == IPPROTO_UDP)
		return header + UDP_HEADER + skb->gso_size;
	if (protocol != IPPROTO_TCP ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + header + 12, &words, 1))
		return 0;
	return header + (words >> 4) * 4 + skb->gso_size;
}

/*
 * Segments of UDP may hold a tunnel, whose inner headers are part of each of them;
 * the kernel knows how long they are.
 */
static __always_inline bool segments_fit(struct __sk_buff *skb, __u8 protocol, __u32 out)
{
	__u32 mtu = 0;

	if (!skb->gso_size || protocol != IPPROTO_UDP)
		return true;
	return bpf_check_mtu(skb, out, &mtu, 0, BPF_MTU_CHK_SEGS) == 0;
}

static __always_inline enum decision refusal(long result)
{
	switch (result) {
	case BPF_FIB_LKUP_RET_BLACKHOLE:
		return DROPPED_BLACKHOLE;
	case BPF_FIB_LKUP_RET_UNREACHABLE:
		return PASSED_UNREACHABLE;
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return PASSED_PROHIBITED;
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		return PASSED_NOT_FORWARDED;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return PASSED_FORWARDING_OFF;
	case BPF_FIB_LKUP_RET_UNSUPP_LWT:
		return PASSED_ENCAPSULATION;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return PASSED_TOO_BIG;
	default:
		return PASSED_LOOKUP_FAILED;
	}
}

static __always_inline long find_route(struct __sk_buff *skb, struct bpf_fib_lookup *route)
{
	long result = bpf_fib_lookup(skb, route, sizeof(*route), BPF_FIB_LOOKUP_DIRECT);

	count_fib_result(skb, result);
	return result;
}

/* Has the frame sent to its next hop, should the program end with TC_ACT_REDIRECT. */
static __always_inline bool send_to(struct bpf_fib_lookup *route)
{
	struct bpf_redir_neigh hop = {.nh_family = route->family};

	/* An IPv4 route may have an IPv6 next hop (RFC 8950): the lookup says which it is. */
	if (route->family == FAMILY_IPV6)
		__builtin_memcpy(hop.ipv6_nh, route->ipv6_dst, sizeof(hop.ipv6_nh));
	else
		hop.ipv4_nh = route->ipv4_dst;
	return redirect_neigh(route->ifindex, &hop, sizeof(hop), 0) == TC_ACT_REDIRECT;
}

/*
 * The kernel writes the same addresses when it sends the frame, but before that it adds those
 * that it finds to a checksum over the whole packet (CHECKSUM_COMPLETE), and at the veth it
 * takes out those that it wrote (bpf_push_mac_rcsum, __dev_forward_skb2). Were they others,
 * it would call the network card's checksum wrong.
 *
 * But a next hop with a group's address (a cluster that shares a MAC address) is the kernel's
 * alone to write: it drops what is redirected with such an address in the frame already.
 */
static __always_inline void address_frame(void *network_header, const struct bpf_fib_lookup *route)
{
	struct ethhdr *frame = network_header - ETH_HLEN;

	if (route->dmac[0] & 1)
		return;
	__builtin_memcpy(frame->h_dest, route->dmac, ETH_ALEN);
	__builtin_memcpy(frame->h_source, route->smac, ETH_ALEN);
}

/* 0/8, 127/8, 169.254/16, 224/3: nothing that a router sends on (RFC 6890, RFC 3927). */
static __always_inline bool ipv4_stays(__be32 address)
{
	__u32 a = __be32_to_cpu(address);

	return a >> 24 == 0 || a >> 24 == 127 || a >> 16 == 0xa9fe || a >= 0xe0000000;
}

static __always_inline bool ipv4_checksum_right(const struct iphdr *ip)
{
	const __u32 *word = (const __u32 *)ip;
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return ((sum & 0xffff) + (sum >> 16)) == 0xffff;
}

/*
 * Written in place, which is why the kernel unshares a cloned header before it runs this
 * program. A checksum over the whole packet (CHECKSUM_COMPLETE) stays right: the header's
 * sum does.
 */
static __always_inline void ipv4_lower_ttl(struct iphdr *ip)
{
	__u32 sum = (__u32)ip->check + __constant_htons(0x0100); /* RFC 1624 */

	ip->ttl--;
	ip->check = sum + (sum >= 0xffff);
}

static __always_inline enum decision route_ipv4(struct __sk_buff *skb, __u32 port)
{
	struct iphdr *ip = network_header(skb, sizeof(*ip));
	struct bpf_fib_lookup route = {.family = FAMILY_IPV4, .ifindex = port};
	__u32 packet, destination;
	long result;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return PASSED_MALFORMED;
	if (ip->ihl > 5)
		return PASSED_OPTIONS;
	packet = __be16_to_cpu(ip->tot_len);
	if (packet < sizeof(*ip) || !fits_frame(skb, packet) || !ipv4_checksum_right(ip))
		return PASSED_MALFORMED;
	if (ip->ttl <= 1)
		return PASSED_TTL_EXPIRED;
	if (ipv4_stays(ip->saddr) || ipv4_stays(ip->daddr))
		return PASSED_MARTIAN;

	destination = ip->daddr;
	route.tos = ip->tos;
	route.l4_protocol = ip->protocol;
	route.ipv4_src = ip->saddr;
	route.ipv4_dst = destination;
	if (!(ip->frag_off & __constant_htons(IPV4_FRAGMENT)))
		read_ports(skb, &route, ip, sizeof(*ip));
	packet = wire_length(skb, route.l4_protocol, sizeof(*ip), packet);
	if (!packet)
		return PASSED_SEGMENTS;
	route.tot_len = packet;

	result = find_route(skb, &route);
	if (result == BPF_FIB_LKUP_RET_NO_NEIGH) {
		/* A host on the link that does not answer is the stack's to report. */
		if (route.family == FAMILY_IPV4 && route.ipv4_dst == destination)
			return PASSED_NO_NEIGHBOUR;
	} else if (result != BPF_FIB_LKUP_RET_SUCCESS) {
		return refusal(result);
	}
	if (!segments_fit(skb, route.l4_protocol, route.ifindex))
		return PASSED_TOO_BIG;
	if (!send_to(&route))
		return PASSED_UNWRITABLE;
	if (result == BPF_FIB_LKUP_RET_SUCCESS)
		address_frame(ip, &route);
	ipv4_lower_ttl(ip);
	return FORWARDED;
}

/* ff00::/8, fe80::/10, ::/80 (unspecified, loopback, IPv4-mapped): RFC 4291. */
static __always_inline bool ipv6_stays(const struct in6_addr *address)
{
	const __be32 *word = address->in6_u.u6_addr32;
	__u32 first = __be32_to_cpu(word[0]);

	return first >> 24 == 0xff || first >> 22 == 0xfe80 >> 6 ||
	       (!first && !word[1] && !(word[2] & __constant_htonl(0xffff0000)));
}

static __always_inline bool ipv6_equal(const __be32 *word, const struct in6_addr *address)
{
	const __be32 *other = address->in6_u.u6_addr32;

	return word[0] == other[0] && word[1] == other[1] && word[2] == other[2] &&
	       word[3] == other[3];
}

/*
 * As with the TTL, but there is no checksum of its own that would even it out: one over the
 * whole packet has to follow. Where there is none, the helper does nothing.
 */
static __always_inline void ipv6_lower_hop_limit(struct __sk_buff *skb, struct ipv6hdr *ip)
{
	ip->hop_limit--;
	bpf_csum_update(skb, __constant_htons(0xffff - 1));
}

static __always_inline enum decision route_ipv6(struct __sk_buff *skb, __u32 port)
{
	struct ipv6hdr *ip = network_header(skb, sizeof(*ip));
	struct bpf_fib_lookup route = {.family = FAMILY_IPV6, .ifindex = port};
	struct in6_addr destination;
	__u32 packet;
	long result;

	if (!ip || ip->version != 6)
		return PASSED_MALFORMED;
	/* Options that every router on the way must look at. */
	if (ip->nexthdr == IPPROTO_HOPOPTS)
		return PASSED_OPTIONS;
	packet = __be16_to_cpu(ip->payload_len) + IPV6_HEADER;
	if (!fits_frame(skb, packet))
		return PASSED_MALFORMED;
	if (ip->hop_limit <= 1)
		return PASSED_TTL_EXPIRED;
	if (ipv6_stays(&ip->saddr) || ipv6_stays(&ip->daddr))
		return PASSED_MARTIAN;

	destination = ip->daddr;
	route.flowinfo = *(__be32 *)ip & __constant_htonl(0x0fffffff);
	route.l4_protocol = ip->nexthdr;
	__builtin_memcpy(route.ipv6_src, &ip->saddr, sizeof(route.ipv6_src));
	__builtin_memcpy(route.ipv6_dst, &destination, sizeof(route.ipv6_dst));
	read_ports(skb, &route, ip, IPV6_HEADER);
	packet = wire_length(skb, route.l4_protocol, IPV6_HEADER, packet);
	/* tot_len has 16 bits; a jumbogram has the option that was passed above. */
	if (!packet || packet > 0xffff)
		return PASSED_SEGMENTS;
	route.tot_len = packet;

	result = find_route(skb, &route);
	if (result == BPF_FIB_LKUP_RET_NO_NEIGH) {
		if (ipv6_equal(route.ipv6_dst, &destination))
			return PASSED_NO_NEIGHBOUR;
	} else if (result != BPF_FIB_LKUP_RET_SUCCESS) {
		return refusal(result);
	}
	if (!segments_fit(skb, route.l4_protocol, route.ifindex))
		return PASSED_TOO_BIG;
	if (!send_to(&route))
		return PASSED_UNWRITABLE;
	if (result == BPF_FIB_LKUP_RET_SUCCESS)
		address_frame(ip, &route);
	ipv6_lower_hop_limit(skb, ip);
	return FORWARDED;
}

/*
 * For a VXLAN port the kernel has compared the frame's destination with the port's own
 * address, but the router's is the bridge's, and systemd-udevd makes the two differ.
 */
static __always_inline bool for_router(struct __sk_buff *skb, const struct port *port)
{
	const __u16 *destination = (void *)(long)skb->data;
	const __u16 *mac = (const __u16 *)port->mac;

	if (skb->pkt_type == PACKET_HOST)
		return true;
	if (skb->pkt_type != PACKET_OTHERHOST ||
	    (void *)(destination + 3) > (void *)(long)skb->data_end)
		return false;
	return destination[0] == mac[0] && destination[1] == mac[1] && destination[2] == mac[2];
}

static __always_inline struct port *find_port(__u32 receiver)
{
	__u32 slot = receiver % NEAR_PORTS;
	struct port *port = near_port.lookup(&slot);

	return port && port->receiver == receiver ? port : lookup_port.lookup(&receiver);
}

static __always_inline enum decision decide(struct __sk_buff *skb)
{
	struct port *port;

	if (skb->vlan_present || skb->protocol == __constant_htons(ETH_P_8021Q) ||
	    skb->protocol == __constant_htons(ETH_P_8021AD))
		return PASSED_TAGGED;
	if (skb->protocol != __constant_htons(ETH_P_IP) &&
	    skb->protocol != __constant_htons(ETH_P_IPV6))
		return PASSED_NOT_IP;
	port = find_port(skb->ifindex);
	if (!port)
		return PASSED_UNKNOWN_PORT;
	if (!for_router(skb, port))
		return PASSED_NOT_FOR_ROUTER;
	if (skb->protocol == __constant_htons(ETH_P_IP))
		return route_ipv4(skb, port->router);
	return route_ipv6(skb, port->router);
}

int netop_router(struct __sk_buff *skb)
{
	enum decision decision = decide(skb);

	count_decision(skb, decision);
	if (decision == FORWARDED)
		return TC_ACT_REDIRECT;
	if (decision == DROPPED_BLACKHOLE)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}
