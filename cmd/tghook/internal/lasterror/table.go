package lasterror

// A row explains the texts that a pattern matches. The parts of the pattern in parentheses
// stand in place of $1 and $2.
type row struct {
	pattern       string
	meaning, mend string
	diagnosis     string
}

const (
	testIt = "Send one yourself and look at the answer: tghook send message --to URL --secret-file FILE."
	port   = "Use port 443, 80, 88 or 8443: behind a proxy that listens there, or with a port of your firewall that is mapped."
)

// table is asked from top to bottom. Source of the texts: tdlib/telegram-bot-api and
// tdlib/td, and the answers that Telegram's own sender recorded.
var table = []row{
	// what the webhook answered
	{
		`Wrong response from the webhook: 1\d\d.*`, "The webhook sent an interim answer. Telegram takes it for the final one, and the real answer for that of the next update.",
		"Do not send 100 Continue or 103 Early Hints on this path: nginx and Caddy do not, Node's writeContinue and writeEarlyHints do.", "interim-answer",
	},
	{
		`Wrong response from the webhook: 30[12378].*`, "The webhook redirected the request. Telegram follows no redirect.",
		"Set the webhook to the address that the redirect leads to. Look at the slash at the end, at http and https, and at www.", "redirect",
	},
	{`Wrong response from the webhook: 3\d\d.*`, "The webhook answered with a 3xx. Only 2xx is a success for Telegram.", "Answer 200.", "redirect"},
	{
		`Wrong response from the webhook: 400.*`, "The server did not accept the request. Either the bot could not read the update, for example because a middleware has read the body before, or plain HTTP came to a port for HTTPS or the other way round.",
		"Mount the webhook outside of body parsers (Express: before express.json()). " + testIt, "body-consumed",
	},
	{
		`Wrong response from the webhook: 401.*`, "The bot refused the secret, or something in front of it wants a password.",
		"Give the bot and setWebhook the same secret: tghook set --url URL --secret-file FILE. Take the webhook's path out of any password protection (nginx: auth_basic off).", "wrong-secret",
	},
	{
		`Wrong response from the webhook: 403.*`, "The bot refused the secret, or a firewall refuses Telegram's addresses.",
		"Give the bot and setWebhook the same secret. Let 149.154.160.0/20 and 91.108.4.0/22 in, without a challenge for browsers.", "firewall",
	},
	{
		`Wrong response from the webhook: 404.*`, "The server is there, and has nothing at this path.",
		"Compare the path of the webhook with the route of the bot, with its prefix and the slash at its end. Is it the right server for that host name?", "wrong-path",
	},
	{
		`Wrong response from the webhook: 405.*`, "The server has something at this path that does not take POST, such as a page.",
		"Route POST to the bot. A static site (nginx: try_files) answers 405 when the location of the bot is missing.", "method-not-allowed",
	},
	{`Wrong response from the webhook: 408.*`, "The server waited in vain for the rest of the request.", "Raise the time that the proxy waits for a request's header and body (nginx: client_header_timeout and client_body_timeout 75s).", "idle-timeout"},
	{
		`Wrong response from the webhook: 410.*`, "The webhook answered that it is gone. If it answers nothing else for 23 hours, Telegram deletes the webhook.",
		"Do not answer 410. If the bot shall rest: tghook delete.", "gone",
	},
	{
		`Wrong response from the webhook: 413.*`, "The server limits the size of a body. An update has up to 512 KiB.",
		"Raise the limit to 1 MiB or more: nginx client_max_body_size 2m; Express express.json({limit: \"2mb\"}); Fastify bodyLimit.", "body-limit",
	},
	{`Wrong response from the webhook: 415.*`, "The server does not take application/json.", "Let the webhook's path take Content-Type: application/json.", "refused-update"},
	{`Wrong response from the webhook: 421.*`, "The server serves another host name on this connection.", "Compare the host of the webhook with the server's names (nginx: server_name).", "wrong-path"},
	{
		`Wrong response from the webhook: 429.*`, "A rate limiter refuses Telegram. All updates of all users come from a few addresses.",
		"Take the webhook's path, or 149.154.160.0/20 and 91.108.4.0/22, out of the limit (nginx: limit_req).", "rate-limit",
	},
	{`Wrong response from the webhook: 4\d\d.*`, "The server refused the request.", testIt, "refused-update"},
	{
		`Wrong response from the webhook: 500.*`, "The bot's handler failed. Telegram sends the update again, at once and then at growing intervals, until it is too old.",
		"Look for the error in the bot's log. Answer 200 for an update that you cannot handle, so that it does not hold up its chat.", "handler-fails",
	},
	{
		`Wrong response from the webhook: 502.*`, "The proxy is there. The bot behind it is not, or it closed the connection.",
		"Start the bot. Compare its port with the proxy's (nginx: proxy_pass). Let the bot keep idle connections longer than the proxy does.", "bot-down",
	},
	{
		`Wrong response from the webhook: 503.*`, "The server was overloaded, was starting or stopping, or limits the rate (nginx: limit_req answers 503).",
		"Look at the server's log for the reason. It passes by itself if the bot was restarting.", "bot-down",
	},
	{
		`Wrong response from the webhook: 504.*`, "The bot behind the proxy did not answer in the time that the proxy gives it.",
		"Answer sooner, and do the long work afterwards. Then raise the proxy's time to 75 s (nginx: proxy_read_timeout).", "slow-handler",
	},
	{`Wrong response from the webhook: 52[0-6].*`, "Cloudflare could not reach your server, or its certificate.", "Look at Cloudflare's page about the code. Is the server up, and its certificate valid for the mode Full (strict)?", "bot-down"},
	{`Wrong response from the webhook: 530.*`, "Cloudflare could not find your server. If it is a tunnel, the tunnel is down.", "Start the tunnel, and set the webhook to its present address.", "bot-down"},
	{`Wrong response from the webhook: 5\d\d.*`, "The server failed.", "Look at the server's log at the time of the error.", "handler-fails"},
	{`Wrong response from the webhook: (GET|POST|HEAD|PUT):.*`, "The webhook answered with a request in place of an answer.", "Is something else listening at this port? Look at the server.", "not-http"},
	{`Wrong response from the webhook.*`, "The answer was not a 2xx, so that the update counts as not delivered.", testIt, "refused-update"},
	// time and connections
	{
		`Read timeout expired.*`, "The webhook did not answer within 60 seconds. Telegram sends the update again, while the first handler may still be at work.",
		"Answer first and do slow work afterwards, in a queue that survives a crash. Is the whole answer sent? Does the bot wait for a body that a middleware has read?", "slow-handler",
	},
	{
		`Write timeout expired.*`, "Telegram could not send the request within 60 seconds: nothing answers at this address and port.",
		"A firewall drops the packets. Let 149.154.160.0/20 and 91.108.4.0/22 in on this port. Does the name's IPv4 address lead to the server?", "unreachable",
	},
	{`Connection refused.*`, "The machine is there, and nothing listens on this port.", "Start the server. It must listen on the public address (0.0.0.0), not on 127.0.0.1 alone. Compare the port.", "unreachable"},
	{`Connection timed out.*`, "No answer to the attempt to connect.", "A firewall drops the packets, or the address is wrong. Let 149.154.160.0/20 and 91.108.4.0/22 in on this port.", "unreachable"},
	{`(No route to host|Network is unreachable|Host is unreachable).*`, "There is no way to the address.", "Is the name's IPv4 address the server's? Is the server on?", "unreachable"},
	{
		`Connection reset by peer.*`, "The server, or a firewall, cut the connection before there was an answer.",
		"Does the bot restart or crash? Does it close idle connections before 60 s? Does it speak HTTPS on this port?", "unreachable",
	},
	{`Broken pipe.*`, "The server closed the connection while Telegram was sending.", "Let the server keep idle connections for 75 s. Does it refuse long bodies?", "idle-timeout"},
	{`Can't connect to the webhook proxy.*`, "The Bot API server could not reach the proxy that it was started with.", "Look at --proxy of your Bot API server.", "unreachable"},
	{`Can't connect to the webhook.*`, "Telegram could not open a connection.", "Is the server on? Does its firewall let 149.154.160.0/20 and 91.108.4.0/22 in on this port?", "unreachable"},
	// TLS
	{
		`.*certificate verify failed.*`, "Telegram does not accept the certificate. This text is the same for an authority that it does not know, a missing intermediate certificate, a wrong name and an expired certificate.",
		"tghook doctor --url URL tells which of them it is. Most often the server sends its own certificate alone: give it the whole chain (fullchain.pem of certbot).", "certificate-chain",
	},
	{`.*SSL error.*(0A00010B|wrong version number).*`, "The server does not speak TLS on this port.", "Serve HTTPS on the port of the webhook (nginx: listen 443 ssl).", "not-tls"},
	{`.*SSL error.*(0A000102|unsupported protocol|protocol version).*`, "The server speaks only versions of TLS that are too old or too new.", "Allow TLS 1.2 and 1.3 (nginx: ssl_protocols TLSv1.2 TLSv1.3).", "tls-version"},
	{`.*SSL error.*(0A000458|unrecognized name).*`, "The server has no certificate for this host name.", "Add the host to the server's names, with a certificate for it.", "certificate-name"},
	{`.*SSL error.*(0A00045C|certificate required).*`, "The server wants a certificate of the client. Telegram has none to give.", "Switch client certificates off for the webhook (nginx: ssl_verify_client off; Cloudflare: no authenticated origin pulls for this host).", "not-tls"},
	{`.*SSL error.*`, "The TLS handshake failed.", "tghook doctor --url URL tries it and names the reason.", "not-tls"},
	{`Can't create an SSL connection.*`, "The TLS connection could not be set up.", "Is the uploaded certificate valid PEM? Set the webhook again with it.", "not-tls"},
	// answers that are no HTTP
	{`Not Implemented.*`, "The answer was not HTTP, or what follows an earlier answer was taken for the next one.", "Is it an HTTP server? Does it send more bytes than Content-Length says, a body after 204, trailers, or interim answers?", "not-http"},
	{`HTTP Version Not Supported.*`, "The answer was in another version than HTTP/1.1 or 1.0.", "Let the server speak HTTP/1.1 without ALPN.", "not-http"},
	{`Unimplemented: unsupported transfer-encoding.*`, "The answer had a Transfer-Encoding other than chunked.", "Send Content-Length, or chunked alone.", "unfinished-answer"},
	{`Unsupported Media Type: unsupported content-encoding.*`, "The answer was compressed in a way that Telegram does not read, such as br.", "Do not compress answers on the webhook's path (nginx: brotli off). gzip and deflate are fine.", "answer-encoding"},
	{`Request Entity Too Large.*`, "The answer was too large: the parameters of a method may have 1 MiB in all.", "Call the method by the Bot API in place of answering with it.", "reply-type"},
	{`Bad Request: boundary not found.*`, "The answer was multipart without a boundary.", "Write the Content-Type with the boundary of the body.", "reply-type"},
	{`Bad Request: .*(unexpected end|unclosed|expected ';').*`, "The multipart answer was broken.", "Let a library write the multipart body. Escape quotes and percent signs in names of files.", "reply-type"},
	// setWebhook
	{`.*Failed to resolve host.*`, "Telegram could not resolve the name of the host.", "Does the name have an A record in the public DNS? A new record may need some minutes: Telegram remembers a failure for 5 minutes.", "dns"},
	{`.*IP address (\S+) is reserved.*`, "The host resolves to $1, an address that is not public.", "Give the public address, or use a tunnel for a machine at home. For development: tghook dev.", "reserved-address"},
	{`.*IPv6-only addresses are not allowed.*`, "The host has no IPv4 address. Telegram connects by IPv4 alone.", "Add an A record, or put a proxy with IPv4 in front.", "ipv6-only"},
	{`.*Invalid IP address specified.*`, "ip_address is not an IPv4 address.", "Give one such as 149.154.167.220, or leave it out.", "address"},
	{`.*Webhook can be set up only on ports.*`, "Telegram connects to no other ports.", port, "port"},
	{`.*An HTTPS URL must be provided.*`, "The address does not begin with https://.", "Serve HTTPS. Caddy gets a certificate by itself: caddy reverse-proxy --from bot.example.org --to :8080.", "address"},
	{`.*invalid webhook URL specified.*`, "The address is not a URL that Telegram can read.", "Give one such as https://bot.example.org/telegram, without a password with odd characters.", "address"},
	{`.*Failed to set custom certificate file.*`, "The uploaded certificate is not valid PEM.", "Upload the public certificate in PEM form, as a file: tghook set --certificate FILE.", "certificate-untrusted"},
	{`.*certificate size is too big.*`, "The uploaded certificate has more than 3 MiB.", "Upload the public certificate alone.", "certificate-untrusted"},
	{`.*secret token (is too long|contains unallowed characters).*`, "A secret has 1 to 256 characters out of A-Z, a-z, 0-9, _ and -.", "Make one: openssl rand -hex 32.", "wrong-secret"},
	{`.*terminated by other setWebhook.*`, "Two programs set the webhook at once.", "Harmless for replicas of one bot. Otherwise find the other program that uses this token.", "second-poller"},
	// getUpdates
	{`.*can't use getUpdates method while webhook is active.*`, "A program polls while a webhook is set.", "Stop the program that polls, or delete the webhook: tghook delete.", "second-poller"},
	{`.*terminated by other getUpdates request.*`, "Two programs poll with the same token.", "Stop one of them: an old container, a colleague's laptop, a second replica. If you don't find it, revoke the token by @BotFather.", "second-poller"},
	{`.*terminated by setWebhook request.*`, "A program set a webhook while another one was polling.", "Use one or the other. To poll: tghook delete.", "second-poller"},
	{`.*(Unauthorized|unallowed token|invalid token).*`, "Telegram does not know the token, or it was revoked.", "Copy the token again from @BotFather.", ""},
	{`.*[Tt]oo [Mm]any [Rr]equests.*`, "Too many calls.", "Wait as long as retry_after says.", ""},
	{`.*Webhook connection closed.*`, "The server closed the connection without an answer.", "Let the server keep idle connections for 75 s. Does the bot crash?", "idle-timeout"},
}
