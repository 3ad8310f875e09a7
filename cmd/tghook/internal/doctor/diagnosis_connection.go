package doctor

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"
)

// connectionTable has the faults of the connection and of the form of an answer.
var connectionTable = []diagnosis{
	{
		name: "not-http", question: "Does the server answer in HTTP/1.1?", probe: byUpdate,
		sentence: "The answer is not HTTP/1.1.",
		mend:     "Is it an HTTP server that listens on this port? It has to speak HTTP/1.1 to a client that does not offer HTTP/2.",
		find: func(x *exam) []string {
			return when(x.delivery.err != nil && strings.Contains(x.delivery.err.Error(), "malformed"), x.delivery.seen()...)
		},
	},
	{
		name: "no-answer", question: "Is there an answer?", probe: byUpdate,
		sentence: "The server closes the connection without an answer. Telegram sends the update again, and records no error.",
		mend:     "Does the bot's process end? Look at its log. Does a firewall cut connections (nginx: return 444)?",
		find: func(x *exam) []string {
			err := x.delivery.err
			cut := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
			return when(cut, x.delivery.seen()...)
		},
	},
	{
		name: "unfinished-answer", question: "Is the answer complete, with its length?", probe: byUpdate,
		sentence: "The answer does not end as it says, or does not say where it ends. A method in it is lost, or the update counts as not delivered.",
		mend:     "Send a right Content-Length, or Transfer-Encoding: chunked with its last chunk, and end the response (Node: res.end()).",
		find: func(x *exam) []string {
			if x.delivery.err != nil {
				unread := strings.Contains(x.delivery.err.Error(), "transfer encoding")
				return when(unread, x.delivery.seen()...)
			}
			switch {
			case x.delivery.cut != nil:
				return append(x.delivery.seen(), fmt.Sprintf("the body: %v, after %d bytes", x.delivery.cut, len(x.delivery.body)))
			case x.delivery.ok() && x.delivery.toEOF && len(x.delivery.body) > 0:
				return []string{x.delivery.String(), "the answer has neither Content-Length nor Transfer-Encoding: Telegram takes its body for empty"}
			}
			return nil
		},
	},
	{
		name: "answer-encoding", question: "Can Telegram read the encoding of the answer?", probe: byUpdate,
		sentence: "The answer is encoded in a way that Telegram does not read, though it asked for gzip or deflate.",
		mend:     "Do not compress answers on this path (nginx: brotli off; Caddy: no encode).",
		find: func(x *exam) []string {
			encoding := strings.ToLower(x.delivery.header.Get("Content-Encoding"))
			return when(!slices.Contains([]string{"", "none", "gzip", "deflate"}, encoding), x.delivery.String(), "getWebhookInfo says: Unsupported Media Type: unsupported content-encoding")
		},
	},
	{
		name: "rate-limit", question: "Are many updates at once accepted?", probe: fmt.Sprintf("posts %d harmless updates on %d connections", hurryLines*hurryEach, hurryLines),
		sentence: "A rate limiter refuses updates. All updates of all users come from a few addresses, so that a limit for each address meets the bot and nobody else.",
		mend:     "Take the webhook's path, or Telegram's addresses 149.154.160.0/20 and 91.108.4.0/22, out of the limit (nginx: no limit_req in this location; Express: skip of express-rate-limit; Cloudflare: a rule that skips the path).",
		find:     (*exam).limited,
	},
	{
		name: "connection-close", question: "Does the server keep the connection?", probe: "posts two harmless updates on one connection",
		sentence: "The server closes the connection after each answer. Telegram then delivers about 20 updates a second at most, each with a TLS handshake.",
		mend:     "Let the server keep connections: no Connection: close, HTTP/1.1 (nginx: keepalive_timeout 75s; Python's http.server: protocol_version = \"HTTP/1.1\"; Gunicorn: --keep-alive 75 and a worker other than sync; Node: no http.Agent of your own matters here).",
		find: func(x *exam) []string {
			switch {
			case x.delivery.ok() && x.delivery.ends && !x.delivery.toEOF:
				return []string{x.delivery.String()}
			case x.second.ok() && x.second.ends && !x.second.toEOF:
				return []string{x.second.String()}
			case x.delivery.ok() && x.second.has() && x.second.err != nil && !x.second.timedOut():
				return x.second.seen()
			}
			return nil
		},
	},
	{
		name: "idle-timeout", question: "Does the server keep an idle connection for 60 seconds?", probe: "leaves a connection idle for 60 seconds; left out by --quick",
		sentence: "The server closes idle connections before Telegram does, which is after 60 seconds. An update that is under way then fails once.",
		mend:     "Keep idle connections for 75 s (nginx: keepalive_timeout 75s; Node: server.keepAliveTimeout = 75_000; Gunicorn: --keep-alive 75; uvicorn: --timeout-keep-alive 75; Go: IdleTimeout: 75 * time.Second; AWS load balancer: idle timeout).",
		find: func(x *exam) []string {
			return when(x.closed > 0, fmt.Sprintf("the server closed an idle connection after %s", x.closed.Round(100*time.Millisecond)))
		},
	},
}

// limited finds answers that differ from the first one when many requests come at once.
func (x *exam) limited() []string {
	if x.delivery.in(429) {
		return x.delivery.seen()
	}
	if text, age, recent := x.failure(); recent && x.delivery.ok() && strings.Contains(text, "429") {
		return []string{fmt.Sprintf("Telegram got, %v ago: %s", age.Round(time.Second), text)}
	}
	var refused []answer
	for _, a := range x.burst {
		if a.in(403, 420, 429, 503, 509) {
			refused = append(refused, a)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return append([]string{fmt.Sprintf("%d of %d updates were refused", len(refused), len(x.burst))}, refused[0].seen()...)
}
