package botapi

import "strings"

// RequestText returns a request in the form in which Telegram quotes it in an error. body
// are the parameters in the request's body. lasting means that the connection can be used
// again. Source: tdlib/td, HttpQuery.
func RequestText(method, target string, body, headers [][2]string, lasting bool) string {
	end := strings.IndexAny(target, "?#")
	if end < 0 {
		end = len(target)
	}
	path, query := target[:end], strings.TrimPrefix(target[end:], "?")
	if strings.HasPrefix(query, "#") {
		query = ""
	}
	var b strings.Builder
	b.WriteString(method + ":" + percentDecoded(path, false))
	for _, pair := range append(pairs(query), body...) {
		b.WriteString(":[" + pair[0] + ":" + pair[1] + "]")
	}
	if lasting {
		b.WriteString(":keep-alive")
	}
	b.WriteString("\n")
	for _, header := range headers {
		b.WriteString(header[0] + "=" + header[1] + "\n")
	}
	b.WriteString("BEGIN CONTENT\nEND CONTENT\n")
	return b.String()
}
