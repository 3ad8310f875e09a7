package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const byAddress = "reads the URL as Telegram does"

// addressTable has the faults of the address and of the way to it.
var addressTable = []diagnosis{
	{
		name: "address", question: "Can Telegram read the URL?", probe: byAddress,
		sentence: "Telegram cannot use this URL.",
		mend:     "Give one such as https://bot.example.org/telegram.",
		find: func(x *exam) []string {
			return when(x.wrong != "", fmt.Sprintf("%s: %s", x.URL, x.wrong))
		},
	},
	{
		name: "no-https", question: "Does the URL begin with https://?", probe: byAddress,
		sentence: "The URL does not begin with https://. Telegram's own servers deliver by HTTPS alone.",
		mend:     "Serve HTTPS. Caddy gets a certificate by itself: caddy reverse-proxy --from bot.example.org --to :8080. With a Bot API server of your own that runs with --local, http is allowed: set TELEGRAM_API_LOCAL=true.",
		find: func(x *exam) []string {
			return when(!x.Local && x.wrong == "" && x.target.scheme == "http", "setWebhook says: Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
		},
	},
	{
		name: "port", question: "Is the port 443, 80, 88 or 8443?", probe: byAddress,
		sentence: "Telegram does not connect to this port.",
		mend:     "Use port 443, 80, 88 or 8443: let a proxy listen there, or map the port in your firewall or container (docker run -p 8443:8080).",
		find: func(x *exam) []string {
			return when(!x.Local && x.wrong == "" && x.URL != "" && x.target.scheme == "https" && !slices.Contains(ports, x.target.port), "the port is "+x.target.port,
				"setWebhook says: Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
		},
	},
	{
		name: "dns", question: "Does the name of the host resolve?", probe: "resolves the name",
		sentence: "The name of the host does not resolve.",
		mend:     "Add an A record for the name, and look at it with: dig +short A NAME @1.1.1.1. Telegram remembers a failure for 5 minutes.",
		find: func(x *exam) []string {
			return when(x.foundErr != nil, fmt.Sprint(x.foundErr), "setWebhook says: Bad Request: bad webhook: Failed to resolve host: Name or service not known")
		},
	},
	{
		name: "ipv6-only", question: "Has the host an IPv4 address?", probe: "resolves the name",
		sentence: "The host has IPv6 addresses alone. Telegram connects by IPv4.",
		mend:     "Add an A record with an IPv4 address, or put a proxy with one in front (Cloudflare does that).",
		find: func(x *exam) []string {
			six := func(a netip.Addr) bool { return a.Is6() }
			only := len(x.found) > 0 && !slices.ContainsFunc(x.found, netip.Addr.Is4) && slices.ContainsFunc(x.found, six)
			return when(!x.Local && only, "the host resolves to "+listOf(x.found), "setWebhook says: Bad Request: bad webhook: IPv6-only addresses are not allowed")
		},
	},
	{
		name: "reserved-address", question: "Is the address a public one?", probe: "resolves the name",
		sentence: "The host resolves to an address that is not public. Telegram refuses it.",
		mend:     "Give the public address of your router or host, or use a tunnel. To develop on this machine you need neither: tghook dev.",
		find: func(x *exam) []string {
			var lines []string
			for _, a := range x.found {
				if !x.Local && a.Is4() && reserved(a) {
					lines = append(lines, fmt.Sprintf("setWebhook says: Bad Request: bad webhook: IP address %s is reserved", a))
				}
			}
			return lines
		},
	},
	{
		name: "unreachable", question: "Can a connection be opened to each IPv4 address?", probe: "connects to each address",
		sentence: "No connection could be opened.",
		mend:     "Refused: start the server, and let it listen on 0.0.0.0 and this port. Timed out: let 149.154.160.0/20 and 91.108.4.0/22 in through the firewall (ufw allow 443/tcp; security group). If one of several addresses fails, correct or remove its A record.",
		find: func(x *exam) []string {
			var lines []string
			for _, c := range x.contacts {
				var handshake *handshakeError
				if c.err != nil && !errors.As(c.err, &handshake) {
					lines = append(lines, fmt.Sprintf("%s port %s: %v", c.addr, x.target.port, c.err), "getWebhookInfo says: "+recordedError(c.err))
				}
			}
			return lines
		},
	},
}

func listOf(addrs []netip.Addr) string {
	texts := make([]string, 0, len(addrs))
	for _, a := range addrs {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}
