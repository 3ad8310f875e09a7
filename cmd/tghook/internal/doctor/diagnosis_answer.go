package doctor

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const (
	byUpdate   = "posts a harmless update"
	byRedirect = "posts a harmless update, and reads the address of the redirect"
)

// answerTable has the faults that the answer to one update shows.
var answerTable = []diagnosis{
	redirectRow(toItself, "redirect-itself", "The server redirects to the URL itself. Behind a proxy it takes HTTPS for HTTP.",
		"Let the proxy say that the request came by HTTPS (nginx: proxy_set_header X-Forwarded-Proto $scheme;), and the application believe it (Express: app.set(\"trust proxy\", 1); Django: SECURE_PROXY_SSL_HEADER; Cloudflare: mode Full (strict))."),
	redirectRow(toSlash, "redirect-slash", "The server redirects to the same path with a slash more, or less, at its end. Telegram follows no redirect.",
		"Set the webhook to the address of the redirect. Or let the route take both (Django: path without the slash; FastAPI: redirect_slashes=False; nginx: location = /telegram)."),
	redirectRow(toHTTPS, "redirect-https", "The server redirects from http to https. Telegram follows no redirect.",
		"Set the webhook to the https address."),
	redirectRow(toWWW, "redirect-www", "The server redirects between the name with www. and the one without. Telegram follows no redirect.",
		"Set the webhook to the name that the redirect leads to."),
	redirectRow(toLogin, "redirect-login", "The server redirects to a page where people log in. Telegram follows no redirect.",
		"Take the webhook's path out of the login (nginx: auth_request off; Laravel: the api routes; Django: @csrf_exempt and no @login_required; Cloudflare Access and oauth2-proxy: a bypass for the path)."),
	redirectRow(elsewhere, "redirect", "The server redirects. Telegram follows no redirect.",
		"Set the webhook to the address that answers itself."),
	{
		name: "wrong-path", question: "Is the bot at this path?", probe: byUpdate,
		sentence: "The server has nothing at this path.",
		mend:     "Compare the path of the URL with the route of the bot, with its prefix. A proxy may add or remove one (nginx: proxy_pass with a slash at its end replaces the location's prefix; Caddy: handle_path strips it). Is it the right server for this host?",
		find:     func(x *exam) []string { return when(!x.Dry && x.delivery.in(404, 421), x.delivery.seen()...) },
	},
	{
		name: "method-not-allowed", question: "Does this path take POST?", probe: byUpdate,
		sentence: "The server has something at this path that does not take POST: a page or a file, and not the bot.",
		mend:     "Route POST to the bot (Express: app.post; Flask: methods=[\"POST\"]; nginx: a location with proxy_pass before the one with try_files, because files do not take POST).",
		find:     func(x *exam) []string { return when(!x.Dry && x.delivery.in(405, 501), x.delivery.seen()...) },
	},
	{
		name: "wrong-secret", question: "Does the webhook accept the secret?", probe: byUpdate + " with the secret",
		sentence: "The webhook refuses the update although it has the secret.",
		mend:     "Give the bot and setWebhook the same secret, and start the bot again: tghook set --url URL --secret-file FILE. Is there a line break or a quote in the bot's variable? If the bot takes Telegram's addresses alone, it refuses this machine whatever the secret is.",
		find: func(x *exam) []string {
			refused := x.delivery.in(401, 403) && !x.loginAhead() && !x.delivery.isPage()
			return when(refused && !x.Dry && x.Secret != "", x.delivery.seen()...)
		},
	},
	{
		name: "no-secret", question: "Does the webhook refuse an update without the right secret?", probe: byUpdate + " without a secret, and one with a wrong secret",
		sentence: "The webhook takes updates from anybody: it does not check the secret.",
		mend:     "Make a secret (openssl rand -hex 32), give it to setWebhook (tghook set --url URL --secret-file FILE), and let the bot compare X-Telegram-Bot-Api-Secret-Token with it (grammY: webhookCallback(bot, \"http\", {secretToken}); python-telegram-bot: secret_token=; aiogram: SimpleRequestHandler(secret_token=); tghook: Config.Secret).",
		find: func(x *exam) []string {
			taken := x.noSecret.ok() || x.badSecret.ok()
			var lines []string
			for _, a := range []*answer{&x.noSecret, &x.badSecret} {
				if a.ok() {
					lines = append(lines, a.String())
				}
			}
			return when(taken && !x.pageAhead(), lines...)
		},
	},
	{
		name: "interim-answer", question: "Is the first answer the final one?", probe: byUpdate,
		sentence: "The server sends an interim answer (1xx). Telegram takes it for the final one, and the real answer for that of the next update.",
		mend:     "Send no 100 Continue and no 103 Early Hints on this path: Telegram never asks for them (Node: no writeContinue, no writeEarlyHints).",
		find: func(x *exam) []string {
			return when(x.delivery.err == nil && x.delivery.status/100 == 1, x.delivery.seen()...)
		},
	},
	{
		name: "gone", question: "Does the server avoid 410?", probe: byUpdate,
		sentence: "The server answers 410. If it answers nothing else for 23 hours, Telegram deletes the webhook.",
		mend:     "Answer 200. If the bot shall rest: tghook delete.",
		find:     func(x *exam) []string { return when(x.delivery.in(410), x.delivery.seen()...) },
	},
	{
		name: "no-content", question: "Does the bot answer 200?", probe: byUpdate, advice: true,
		sentence: "The server answers 204. Telegram takes it for a success, and no method can ride on such an answer. It is also what some proxies say for a path that they do not know.",
		mend:     "Answer 200 with an empty body, or with a method. Look whether the bot got the update.",
		find:     func(x *exam) []string { return when(!x.Dry && x.delivery.in(204), x.delivery.seen()...) },
	},
	{
		name: "page-in-front", question: "Does the bot itself answer?", probe: byUpdate,
		sentence: "A page for people answers in place of the bot. With a 200 Telegram takes the update for delivered, and it is lost.",
		mend:     "Route the webhook's path to the bot before the rules for pages (nginx: a location of its own beside try_files ... /index.html; Vercel, Netlify: a function, not a page; ngrok: a tunnel without the warning page).",
		find:     func(x *exam) []string { return when(x.pageAhead(), x.delivery.seen()...) },
	},
	{
		name: "login", question: "Is the webhook free of passwords and logins?", probe: byUpdate,
		sentence: "Something in front of the bot wants a password.",
		mend:     "Take the webhook's path out of the protection (nginx: auth_basic off; in its location; Caddy: a handle before basic_auth; Traefik: a router without the middleware). Or give the password in the URL: https://user:password@host/path.",
		find:     func(x *exam) []string { return when(x.loginAhead(), x.delivery.seen()...) },
	},
	{
		name: "firewall", question: "Are Telegram's addresses let in?", probe: byUpdate + ", and compares the answer with the last error in getWebhookInfo",
		sentence: "A firewall or an access rule refuses the request before the bot sees it.",
		mend:     "Let 149.154.160.0/20 and 91.108.4.0/22 in, without a challenge for browsers (nginx: allow 149.154.160.0/20; allow 91.108.4.0/22; Cloudflare: a WAF rule that skips the path; fail2ban: ignoreip).",
		find:     (*exam).refusedByRule,
	},
	{
		name: "handler-fails", question: "Does the bot accept an update?", probe: byUpdate,
		sentence: "The bot fails on an update. Telegram sends it again, and holds the later ones of the same chat back.",
		mend:     "Look at the bot's log. Accept updates of a kind that the bot does not handle, with 200, because Telegram adds kinds.",
		find: func(x *exam) []string {
			fails := x.delivery.err == nil && x.delivery.status >= 500 && !x.delivery.in(501, 502, 503, 504) && x.delivery.status/10 != 52 && x.delivery.status != 530
			return when(fails && !x.Dry && !x.readBefore(), x.delivery.seen()...)
		},
	},
	{
		name: "bot-down", question: "Is the bot there, behind the proxy?", probe: byUpdate,
		sentence: "The proxy answers. The bot behind it does not.",
		mend:     "Start the bot. Compare its address and port with the proxy's (nginx: proxy_pass; in containers localhost is the container itself). 52x is of Cloudflare: it cannot reach your server. 530: the tunnel is down.",
		find: func(x *exam) []string {
			down := x.delivery.in(502, 503, 530) || x.delivery.err == nil && x.delivery.status/10 == 52
			return when(down, x.delivery.seen()...)
		},
	},
	{
		name: "slow-handler", question: "Does the bot answer within 60 seconds?", probe: byUpdate + ", and reads the last error in getWebhookInfo",
		sentence: "The bot does not answer in time. Telegram gives up after 60 seconds, and sends the update again while the first handler may still be at work.",
		mend:     "Answer first, and do slow work afterwards in a durable queue. tghook does it by Config.Late. Does the whole answer leave? A body parser that has read the body makes some libraries wait for ever. Then raise the proxy's time: nginx proxy_read_timeout 75s.",
		find: func(x *exam) []string {
			if x.delivery.timedOut() && x.delivery.err != nil && !x.readBefore() || x.delivery.in(504) {
				return x.delivery.seen()
			}
			text, _, recent := x.failure()
			return when(recent && x.delivery.ok() && strings.Contains(text, "Read timeout expired"), "getWebhookInfo says: "+text, x.delivery.String())
		},
	},
	{
		name: "late-answer", question: "Does the bot answer within 10 seconds?", probe: byUpdate, advice: true,
		sentence: "The bot takes long to answer. Telegram waits for 60 seconds, and holds the later updates of the same chat back.",
		mend:     "Do slow work after the answer. Does the machine sleep when nobody calls (free plans do)?",
		find: func(x *exam) []string {
			return when(x.delivery.ok() && x.delivery.took > x.times.late, fmt.Sprintf("%.1f s: %s", x.delivery.took.Seconds(), x.delivery.String()))
		},
	},
	{
		name: "early-answer", question: "Does the bot answer after the work?", probe: "sends half of an update, and waits",
		sentence: "The server answers 200 before it has the whole update, and so before any work. If the bot fails or stops then, the update is lost.",
		mend:     "Answer after the handler has succeeded, or after the update stands in a durable queue. (A proxy that holds updates back hides this; then the doctor cannot tell.)",
		find:     func(x *exam) []string { return when(x.half.early && x.half.ok() && !x.pageAhead(), x.half.String()) },
	},
	{
		name: "body-limit", question: "Does the server take bodies of 1 MiB?", probe: "posts a harmless update of nearly 1 MiB",
		sentence: "The server refuses long updates. An update has up to 512 KiB, and 1 MiB is a safe limit.",
		mend:     "Raise the limit: nginx client_max_body_size 2m; Caddy request_body max_size; Express express.json({limit: \"2mb\"}); Fastify bodyLimit; aiohttp client_max_size; Django DATA_UPLOAD_MAX_MEMORY_SIZE.",
		find:     (*exam).refusesLong,
	},
	{
		name: "body-consumed", question: "Can the bot read the update?", probe: byUpdate + ", and one that says that it is text",
		sentence: "The bot cannot read a valid update. Most often a middleware has read the body before the bot.",
		mend:     "Mount the webhook outside of body parsers, or before them (Express: app.post before app.use(express.json()), or give the library req.body; Echo, Gin: no Bind before; Next.js: bodyParser: false; NestJS: rawBody).",
		find:     (*exam).bodyConsumed,
	},
	{
		name: "refused-update", question: "Does the server accept a valid update?", probe: byUpdate,
		sentence: "The server refuses a valid update.",
		mend:     "Look at the server's log for the reason. It has to take POST with Content-Type: application/json, without a User-Agent and without a CSRF token (Django: @csrf_exempt; Laravel: except in VerifyCsrfToken; Rails: skip_forgery_protection).",
		find: func(x *exam) []string {
			known := x.delivery.in(400, 401, 403, 404, 405, 410, 421, 429)
			return when(!x.Dry && x.delivery.err == nil && x.delivery.status/100 == 4 && !known && !x.readBefore(), x.delivery.seen()...)
		},
	},
	{
		name: "reply-type", question: "Does the method in the answer have the right Content-Type?", probe: byUpdate + "; --update FILE posts one that the bot replies to",
		sentence: "The answer has a method, and a Content-Type with which Telegram ignores it.",
		mend:     "Send it with Content-Type: application/json (Express: res.json; Flask: jsonify; PHP: header(\"Content-Type: application/json\") before the body).",
		find: func(x *exam) []string {
			kind := strings.ToLower(x.delivery.header.Get("Content-Type"))
			read := slices.ContainsFunc([]string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}, func(t string) bool { return strings.Contains(kind, t) })
			return when(x.delivery.ok() && !read && methodIn(x.delivery.body) != "", x.delivery.String())
		},
	},
	{
		name: "reply-ignored", question: "Can the method in the answer ride there?", probe: byUpdate + "; --update FILE posts one that the bot replies to",
		sentence: "The answer has a method that Telegram does not take from an answer.",
		mend:     "Call get..., setWebhook, deleteWebhook, close and logOut by the Bot API.",
		find: func(x *exam) []string {
			method := strings.ToLower(methodIn(x.delivery.body))
			ignored := strings.HasPrefix(method, "get") || slices.Contains([]string{"setwebhook", "deletewebhook", "close", "logout"}, method)
			return when(x.delivery.ok() && ignored, x.delivery.String())
		},
	},
}

// pageAhead reports whether a page answers in place of the bot.
func (x *exam) pageAhead() bool { return !x.Dry && x.delivery.ok() && x.delivery.isPage() }

// loginAhead reports whether a password is wanted.
func (x *exam) loginAhead() bool {
	return x.delivery.in(401) && x.delivery.header.Get("WWW-Authenticate") != "" || x.delivery.in(407, 511)
}

// methodIn returns the method in a body that is a JSON object.
func methodIn(body []byte) string {
	var reply struct {
		Method string `json:"method"`
	}
	_ = json.Unmarshal(body, &reply) // what is no JSON has no method
	return reply.Method
}

// readBefore reports whether the update can be read if it says that it is text. Then the parser
// of JSON has read it before the bot.
func (x *exam) readBefore() bool {
	failed := x.delivery.timedOut() || x.delivery.in(400, 415, 422, 500)
	return failed && x.plain.ok()
}

func (x *exam) bodyConsumed() []string {
	if x.readBefore() {
		return append(x.delivery.seen(), x.plain.String())
	}
	return when(!x.Dry && x.delivery.in(400), append(x.delivery.seen(), x.plain.String())...)
}

// refusedByRule finds a 403 that is a page, because a bot answers a wrong secret without one.
// It also finds an error that Telegram gets where this machine does not.
func (x *exam) refusedByRule() []string {
	if x.delivery.in(403) && x.delivery.isPage() && !x.telegramPasses() {
		return x.delivery.seen()
	}
	text, age, recent := x.failure()
	if !recent || !x.delivery.ok() {
		return nil
	}
	for _, sign := range []string{"403 ", "Connection timed out", "Connection refused", "Connection reset", "Write timeout expired"} {
		if strings.Contains(text, sign) {
			return []string{fmt.Sprintf("Telegram got, %v ago: %s", age.Round(1e9), text), "this machine got: " + x.delivery.String()}
		}
	}
	return nil
}

// telegramPasses reports whether Telegram says that it delivers to the URL, though this
// machine is refused: a rule that lets Telegram's addresses in alone is no fault.
func (x *exam) telegramPasses() bool {
	info, known := x.telegram.last()
	_, _, recent := x.failure()
	return known && info.URL == x.URL && !recent && info.PendingUpdateCount == 0
}

// refusesLong finds a limit by the answer to a long update, if the answer to a short one differs.
func (x *exam) refusesLong() []string {
	if text, _, recent := x.failure(); recent && strings.Contains(text, "413") && x.delivery.ok() {
		return []string{"getWebhookInfo says: " + text}
	}
	broken := x.large.has() && (x.large.err != nil || x.large.in(400, 413, 500)) && x.delivery.ok() && x.delivery.cut == nil
	return when(broken || x.large.in(413), x.large.seen()...)
}

// direction is where a redirect leads to.
type direction int

const (
	nowhere direction = iota
	toItself
	toSlash
	toHTTPS
	toWWW
	toLogin
	elsewhere
)

func redirectRow(to direction, name, sentence, mend string) diagnosis {
	return diagnosis{
		name: name, question: "Does the server answer without a redirect?", probe: byRedirect, sentence: sentence, mend: mend,
		find: func(x *exam) []string { return when(x.redirect() == to, x.delivery.seen()...) },
	}
}

// redirect returns where the answer redirects to.
func (x *exam) redirect() direction {
	if x.delivery.err != nil || x.delivery.status/100 != 3 {
		return nowhere
	}
	from := &url.URL{Scheme: x.target.scheme, Host: x.target.hostHeader()}
	from, err := from.Parse(x.target.path)
	if err != nil {
		return elsewhere
	}
	location := x.delivery.header.Get("Location")
	to, err := from.Parse(location)
	if err != nil || location == "" {
		return elsewhere
	}
	return directionOf(from, to)
}

// directionOf returns the direction from one address to another.
func directionOf(from, to *url.URL) direction {
	switch {
	case looksLikeLogin(to):
		return toLogin
	case to.Scheme == "https" && from.Scheme == "http":
		return toHTTPS
	case strings.TrimPrefix(to.Hostname(), "www.") == strings.TrimPrefix(from.Hostname(), "www.") && to.Hostname() != from.Hostname():
		return toWWW
	case to.Hostname() != from.Hostname():
		return elsewhere
	case to.Path == from.Path && to.RawQuery == from.RawQuery && to.Scheme == from.Scheme:
		return toItself
	case strings.Trim(to.Path, "/") == strings.Trim(from.Path, "/"):
		return toSlash
	}
	return elsewhere
}

func looksLikeLogin(to *url.URL) bool {
	text := strings.ToLower(to.Hostname() + to.Path)
	return slices.ContainsFunc([]string{"login", "signin", "sign_in", "sign-in", "oauth", "sso", "auth/", "cloudflareaccess"}, func(sign string) bool { return strings.Contains(text, sign) })
}
