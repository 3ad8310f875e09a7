package doortest

import (
	"fmt"
	"strings"
)

const (
	// Secret is the secret that a Bot expects.
	Secret = "hook-secret_0123456789"
	// SecretHeader is the name of the header that carries it.
	SecretHeader = "X-Telegram-Bot-Api-Secret-Token"
	// Path is the path of a request that starts with Head.
	Path = "/telegram"
	// Head is the head of a request as Telegram sends it, up to the body's length.
	Head = "POST " + Path + " HTTP/1.1\r\nHost: bot.example.org\r\n" + SecretHeader + ": " + Secret +
		"\r\nContent-Type: application/json\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n"
)

// Message returns the body of an update with a chat of its own.
func Message(id int64) string { return Saying(id, "hi") }

// Saying returns a message with a text, in which JSON has nothing to escape.
func Saying(id int64, text string) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"chat\":{\"id\":%d,\"type\":\"private\"},\"text\":\"%s\"}}", id, 1000+id, text)
}

// Sized returns a message of exactly n bytes.
func Sized(id int64, n int) string {
	return Saying(id, strings.Repeat("x", n-len(Saying(id, ""))))
}

// Delivery returns the request that carries body.
func Delivery(body string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", Head, len(body), body)
}

// Chunked returns a request whose head does not state the length of body. Each of the
// trailers ends with CRLF.
func Chunked(body, trailers string) string {
	var raw strings.Builder
	raw.WriteString(Head + "Transfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := min(len(body), 500)
		fmt.Fprintf(&raw, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	raw.WriteString("0\r\n" + trailers + "\r\n")
	return raw.String()
}

// Changed returns the delivery of a message in which text stands for the first old.
func Changed(id int64, old, text string) string {
	return strings.Replace(Delivery(Message(id)), old, text, 1)
}
