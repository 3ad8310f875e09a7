package tghook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/certificate"
	"github.com/tghook/tghook/internal/redact"
	"github.com/tghook/tghook/internal/retry"
)

// WebhookRequest has the parameters of setWebhook
// (https://core.telegram.org/bots/api#setwebhook).
type WebhookRequest struct { //nolint:recvcheck // what prints it has to print values too
	// URL is where Telegram sends updates to: https, on port 443, 80, 88 or 8443,
	// to a host with an IPv4 address.
	URL string
	// Certificate is the public certificate in PEM form, with its chain up to the
	// self-signed one. Set it if no public authority has issued the certificate. Telegram
	// trusts only the certificates in it then.
	//
	// The host of URL must be a DNS name of the certificate. If the certificate has no DNS
	// name, the host must be its common name. This applies also to a host that is an IP
	// address.
	Certificate []byte
	// IPAddress is the IPv4 address to which Telegram connects. If empty, Telegram resolves
	// the host.
	IPAddress string
	// MaxConnections is how many requests Telegram may make at once, 1 to 100, or to 100,000
	// by a local Bot API server. If zero, Telegram's default: 40, or 100 by a local server.
	MaxConnections int
	// AllowedUpdates are the kinds of update that the bot gets. If nil, Telegram sends the
	// same kinds as before. If empty and not nil, Telegram's default.
	AllowedUpdates []string
	// DropPending drops all updates that wait to be delivered.
	DropPending bool
	// SecretToken is [Config].Secret. It is required unless InsecureNoSecret is set.
	SecretToken string
	// InsecureNoSecret sets a webhook without a secret. Then anybody who finds the
	// URL can send updates.
	InsecureNoSecret bool
	// Reset calls setWebhook with a Certificate even if getWebhookInfo shows no difference.
	// Set it after you have changed the certificate or the secret, or have set or removed
	// IPAddress, because getWebhookInfo does not show that.
	Reset bool
}

const (
	// maxHeaders bounds the header block of Telegram's requests. If it is longer, Telegram
	// never sends an update, and records no error. Source: tdlib/td, HttpHeaderCreator
	// and StringBuilder, which uses 30 bytes of 4096 itself.
	maxHeaders = 4096 - 30
	// settingPatience is how long SetWebhook tries again while another replica sets the
	// webhook too, or Telegram answers 429.
	settingPatience = time.Minute
	// resolvingPatience is how long SetWebhook waits in all until Telegram can resolve the
	// host. Telegram remembers a failure for 5 minutes, and one wait takes 75 s at most.
	// Source: tdlib/td, GetHostByNameActor.
	resolvingPatience = 7 * time.Minute
	lookupTime        = 5 * time.Second
)

// lookup resolves a host. Tests replace it, because they must not use the network.
var lookup = net.DefaultResolver.LookupNetIP

// findHost returns an error if the resolver says that host does not exist. If the resolver
// does not answer, findHost returns nil, because Telegram's resolver may know the host.
func findHost(ctx context.Context, network, host string) error {
	asking, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	_, err := lookup(asking, network, host)
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		return err
	}
	return ctx.Err()
}

// SetWebhook sets the webhook. It may be called at every start: if the parameters are the
// same as in the last call, Telegram changes nothing. With a Certificate, Telegram always
// sets the webhook anew. So SetWebhook then calls setWebhook only if getWebhookInfo shows a
// difference, or if Reset or DropPending is set.
//
// Telegram finds some mistakes only after it has deleted the previous webhook. SetWebhook
// finds them before it calls Telegram. The error joins a *[ConfigError] for every mistake.
// If the Bot API is Telegram's own and IPAddress is not set, SetWebhook also returns an
// error if the host does not resolve.
//
// While Telegram answers 429, or another replica sets the webhook too, SetWebhook waits
// and tries again, for a minute and [ClientConfig].Patience in all. If Telegram cannot
// resolve the host for the moment, SetWebhook tries again for seven minutes, because
// Telegram has deleted the previous webhook by then.
func (c *Client) SetWebhook(ctx context.Context, req WebhookRequest) error {
	if err := errors.Join(req.mistakes(c.local)...); err != nil {
		return err
	}
	found := false // if the host resolves here, Telegram will resolve it sooner or later
	if c.cloud && req.IPAddress == "" {
		if err := findHost(ctx, "ip4", req.host()); err != nil {
			return fmt.Errorf("tghook: the host of WebhookRequest.URL does not resolve, so that Telegram would refuse it; "+
				"correct it, or give IPAddress: %w", c.redacted(err))
		}
		found = true
	}
	once := *c
	once.patience = 0 // SetWebhook itself repeats the call
	again := func(err error) bool {
		var refused *APIError
		givesWay := errors.As(err, &refused) && (refused.Code == http.StatusTooManyRequests || refused.Code == http.StatusConflict)
		return givesWay || c.patience > 0 && repeatable(err, !req.DropPending)
	}
	unresolved := func(err error) bool { return isUnresolved(err, found) }
	return retry.Do(ctx, resolvingPatience, unresolved, askedWait, func() error {
		return retry.Do(ctx, settingPatience+c.patience, again, askedWait, func() error { return once.setOnce(ctx, req) })
	})
}

// setOnce sets the webhook, unless it has a certificate and is set already.
func (c *Client) setOnce(ctx context.Context, req WebhookRequest) error {
	if len(req.Certificate) > 0 && !req.Reset && !req.DropPending {
		info, err := c.GetWebhookInfo(ctx)
		if err != nil || req.isSet(info, c.local) {
			return err
		}
	}
	return c.Call(ctx, "setWebhook", req.params(), nil)
}

// isUnresolved reports whether Telegram could not resolve the host, and may do so later:
// because its resolver says that the failure is temporary, or because the host was found
// here. Source of the words: telegram-bot-api, WebhookActor, and gai_strerror.
func isUnresolved(err error, found bool) bool {
	var refused *APIError
	if !errors.As(err, &refused) || !refused.own || refused.Code != http.StatusBadRequest {
		return false
	}
	_, why, ok := strings.Cut(refused.Description, "Failed to resolve host")
	why = strings.ToLower(why)
	return ok && (found || strings.Contains(why, "temporary") || strings.Contains(why, "try again"))
}

// host returns the host of URL.
func (r *WebhookRequest) host() string {
	target, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	return target.Hostname()
}

// connections returns how many connections a Bot API server makes at most, and by default.
func connections(local bool) (most, usual int) {
	if local {
		return 100_000, 100
	}
	return 100, 40
}

// isSet reports whether getWebhookInfo shows no difference.
func (r *WebhookRequest) isSet(info WebhookInfo, local bool) bool {
	_, usual := connections(local)
	return info.URL == r.URL && info.HasCustomCertificate && info.MaxConnections == cmp.Or(r.MaxConnections, usual) &&
		(r.IPAddress == "" || info.IPAddress == r.IPAddress) &&
		(r.AllowedUpdates == nil || sameSet(info.AllowedUpdates, r.AllowedUpdates))
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func (r *WebhookRequest) params() map[string]any {
	params := map[string]any{"url": r.URL}
	if len(r.Certificate) > 0 {
		params["certificate"] = File{Name: "certificate.pem", Body: bytes.NewReader(r.Certificate)}
	}
	if r.IPAddress != "" {
		params["ip_address"] = r.IPAddress
	}
	if r.MaxConnections != 0 {
		params["max_connections"] = r.MaxConnections
	}
	if r.AllowedUpdates != nil {
		params["allowed_updates"] = r.AllowedUpdates
	}
	if r.DropPending {
		params[dropPending] = true
	}
	if r.SecretToken != "" {
		params["secret_token"] = r.SecretToken
	}
	return params
}

// mistakes returns an error for each value that Telegram would refuse, and for a URL to
// which it would not deliver. A local Bot API server accepts more.
func (r *WebhookRequest) mistakes(local bool) (errs []error) {
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{"WebhookRequest." + field, problem})
		}
	}
	host := ""
	if target, err := url.Parse(r.URL); err != nil || !usableHost(target.Host) {
		add(true, "URL", "not a URL with a host; give one such as https://bot.example.org/telegram")
	} else {
		host = target.Hostname()
		add(strings.Contains(r.URL, "#"), "URL", "has a fragment, which Telegram would send as a part of the path; leave it out")
		add(target.Scheme != "https" && (!local || target.Scheme != "http"), "URL", "must begin with https://")
		add(!local && !slices.Contains([]string{"", "443", "80", "88", "8443"}, target.Port()), "URL",
			"has port "+target.Port()+"; give 443, 80, 88 or 8443, because Telegram connects to no other")
		if r.IPAddress == "" && !local {
			problem := unreachable(host)
			add(problem != "", "URL", problem)
		}
		size := r.headers(target)
		add(size > maxHeaders, "URL", fmt.Sprintf(
			"is too long: the headers of a request would have %d bytes, and with more than %d Telegram sends nothing and records no error; give a shorter one", size, maxHeaders))
	}
	if _, err := netip.ParseAddr(r.IPAddress); err == nil && !local {
		problem := unreachable(r.IPAddress)
		add(problem != "", "IPAddress", problem)
	} else {
		add(err != nil && r.IPAddress != "", "IPAddress", "not an address; give one such as 149.154.167.220")
	}
	most, _ := connections(local)
	add(r.MaxConnections < 0 || r.MaxConnections > most, "MaxConnections", fmt.Sprintf("%d; must be 1 to %d, or 0 for Telegram's default", r.MaxConnections, most))
	if r.SecretToken == "" {
		add(!r.InsecureNoSecret, "SecretToken",
			"empty; give Config.Secret (or set InsecureNoSecret)")
	} else {
		add(!validSecret(r.SecretToken), "SecretToken", secretRule)
	}
	errs = append(errs, mistakesInAllowed("WebhookRequest.AllowedUpdates", r.AllowedUpdates)...)
	if len(r.Certificate) > 0 {
		problem := certificate.Unfit(r.Certificate, host)
		add(problem != "", "Certificate", problem)
	}
	return errs
}

// usableHost reports whether Telegram accepts a host and port that [url.Parse] has accepted.
// Source: tdlib/td, parse_url. A host with a * is a pattern, and not a host.
func usableHost(host string) bool {
	return host != "" && host != "." && host[0] != ':' && !strings.HasSuffix(host, ":") && !strings.ContainsAny(host, `<>"*`)
}

// unreachable says why Telegram would not connect to a host. It returns "" if Telegram may.
func unreachable(host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		name := strings.TrimSuffix(host, ".")
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 || name[dot+1] >= '0' && name[dot+1] <= '9' { // some resolvers take such a name for an address
			return "has a host that is known in your own network at most; give the public one"
		}
	case !addr.Is4():
		return "has an IPv6 address; give an IPv4 address, because Telegram connects by no other"
	case reserved(addr):
		return "has the reserved address " + addr.String() + "; give the public one"
	}
	return ""
}

// headers returns the size of the header block that Telegram would send.
func (r *WebhookRequest) headers(target *url.URL) int {
	const fixed = "POST  HTTP/1.1\r\nHost: \r\nContent-Type: application/json\r\nContent-Length: 524288\r\n" +
		"Connection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
	_, rest, _ := strings.Cut(r.URL, "://")
	path := strings.TrimLeftFunc(rest, func(c rune) bool { return !strings.ContainsRune("/?#", c) })
	size := len(fixed) + len(target.Host) + len("/") + len(strings.TrimPrefix(path, "/")) + len("20")*strings.Count(path, " ")
	if target.User != nil {
		userinfo := strings.LastIndexByte(rest[:len(rest)-len(path)], '@')
		size += len("Authorization: Basic \r\n") + base64.StdEncoding.EncodedLen(userinfo)
	}
	if r.SecretToken != "" {
		size += len("X-Telegram-Bot-Api-Secret-Token: \r\n") + len(r.SecretToken)
	}
	return size
}

// The addresses that Telegram refuses. Source: tdlib/td, IPAddress::is_reserved.
var reservedNets = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("224.0.0.0/3"),
}

func reserved(a netip.Addr) bool { return contains(reservedNets, a) }

// WebhookInfo is the result of getWebhookInfo
// (https://core.telegram.org/bots/api#webhookinfo). Telegram does not show the secret.
type WebhookInfo struct {
	URL                          string   `json:"url"` // empty if no webhook is set
	HasCustomCertificate         bool     `json:"has_custom_certificate"`
	PendingUpdateCount           int      `json:"pending_update_count"`
	IPAddress                    string   `json:"ip_address"`
	LastErrorDate                int64    `json:"last_error_date"`    // Unix time; not cleared by a later success
	LastErrorMessage             string   `json:"last_error_message"` // not cleared by a later success
	LastSynchronizationErrorDate int64    `json:"last_synchronization_error_date"`
	MaxConnections               int      `json:"max_connections"`
	AllowedUpdates               []string `json:"allowed_updates"` // nil for Telegram's default
}

// GetWebhookInfo calls getWebhookInfo.
func (c *Client) GetWebhookInfo(ctx context.Context) (WebhookInfo, error) {
	var info WebhookInfo
	err := c.Call(ctx, "getWebhookInfo", nil, &info)
	return info, err
}

// DeleteWebhook removes the webhook. If drop is true, it also drops the updates that wait to
// be delivered.
func (c *Client) DeleteWebhook(ctx context.Context, drop bool) error {
	params := map[string]bool{}
	if drop {
		params[dropPending] = true
	}
	return c.Call(ctx, "deleteWebhook", params, nil)
}

// String names the URL, without the secrets in it.
func (r WebhookRequest) String() string { return "WebhookRequest for " + redact.URL(r.URL) }

// GoString is String.
func (r WebhookRequest) GoString() string { return r.String() }

// Format writes String for every verb.
func (r WebhookRequest) Format(s fmt.State, verb rune) { redact.Text(s, verb, r.String()) }

// LogValue is String.
func (r WebhookRequest) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON writes "<secret>" for SecretToken, which SetWebhook refuses, and leaves out
// the secrets in URL.
func (r WebhookRequest) MarshalJSON() ([]byte, error) {
	type plain WebhookRequest
	shown := plain(r)
	shown.URL = redact.URL(r.URL)
	if r.SecretToken != "" {
		shown.SecretToken = "<secret>"
	}
	return json.Marshal(shown) //nolint:musttag // its names in JSON are those of its fields
}
