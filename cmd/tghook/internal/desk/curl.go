package desk

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// curl returns a request as a command of curl for a shell. Secrets are $TOKEN and $SECRET.
func curl(x *Request, base string) string {
	var b strings.Builder
	b.WriteString("curl")
	if x.Method != http.MethodGet {
		b.WriteString(" -X " + x.Method)
	}
	address := x.URL
	if !strings.Contains(address, "://") {
		address = base + address
	}
	b.WriteString(" " + shell(address))
	left := []string{"Host", "Content-Length", "Connection", "Accept-Encoding", "User-Agent", "Accept", "Transfer-Encoding"}
	for _, h := range x.Headers {
		if !slices.ContainsFunc(left, func(name string) bool { return strings.EqualFold(name, h[0]) }) {
			fmt.Fprintf(&b, " \\\n  -H %s", shell(h[0]+": "+h[1]))
		}
	}
	switch {
	case x.Truncated || x.Base64:
		b.WriteString(" \\\n  --data-binary @body  # the body is too long, or not text: save it in the file body")
	case x.Text != "":
		fmt.Fprintf(&b, " \\\n  --data-binary %s", shell(x.Text))
	}
	return b.String() + "\n"
}

// shell quotes a text for a shell, in which $TOKEN and $SECRET stand for secrets.
func shell(text string) string {
	text = strings.ReplaceAll(text, "'", `'\''`)
	return "'" + strings.NewReplacer("<token>", `'"$TOKEN"'`, "<secret>", `'"$SECRET"'`).Replace(text) + "'"
}

// text is an answer of plain text.
type text string

func (t text) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(t)) // a client that has gone needs no answer
}
