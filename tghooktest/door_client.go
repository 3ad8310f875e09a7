package tghooktest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// newClient returns the Transport of a door that has only an Addr.
func (k *hook) newClient() http.RoundTripper {
	if k.Addr == "" {
		k.Fatalf("tghooktest: open returned a Door with neither Transport nor Addr; set at least one")
	}
	client := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, k.network(), k.Addr)
		},
		DisableCompression:  true,
		MaxIdleConnsPerHost: 64,
	}
	k.Cleanup(client.CloseIdleConnections)
	return client
}

// received is a response that was read.
type received struct {
	status  int
	header  http.Header
	body    []byte
	close   bool
	length  int64 // Content-Length; negative if there is none
	chunked bool
}

// receive reads a response to its end.
func receive(res *http.Response, err error) (received, error) {
	if err != nil {
		return received{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return received{res.StatusCode, res.Header, body, res.Close, res.ContentLength, len(res.TransferEncoding) > 0}, err
}

// String returns r in one line, such as "200", "503 after 2" or `200 application/json
// {"method":"sendMessage"}`. It shows Connection: close where the door must not close the
// connection.
func (r received) String() string {
	words := []string{strconv.Itoa(r.status)}
	if allow := r.header.Values("Allow"); allow != nil {
		words = append(words, "allow", strings.Join(allow, ", "))
	}
	if after := r.header.Values("Retry-After"); after != nil {
		words = append(words, "after", strings.Join(after, ", "))
	}
	if r.close && !r.mayClose() {
		words = append(words, "Connection: close")
	}
	if len(r.body) > 0 {
		words = append(words, strings.Join(r.header.Values("Content-Type"), ", "), string(r.body))
	}
	return strings.Join(words, " ")
}

func (r received) mayClose() bool {
	switch r.status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}

// exchange sends body with Telegram's headers, which the functions may change, and returns
// the response.
func (k *hook) exchange(ctx context.Context, body io.Reader, change ...func(*http.Request)) (received, error) {
	ctx, cancel := context.WithTimeout(ctx, k.patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://bot.example.org:8443"+k.path(), body)
	if err != nil {
		return received{}, err
	}
	req.Header = http.Header{
		secretHeader:      {doorSecret},
		"Content-Type":    {"application/json"},
		"Connection":      {"keep-alive"},
		"Accept-Encoding": {"gzip, deflate"},
		"User-Agent":      {""}, // none: not net/http's own
	}
	for _, f := range change {
		f(req)
	}
	return receive(k.Transport.RoundTrip(req)) //nolint:bodyclose // receive closes it
}

const secretHeader = "X-Telegram-Bot-Api-Secret-Token" //nolint:gosec // the name of a header

// post delivers an update and returns the answer in one line. If there is no answer, the
// line starts with noAnswer.
func (k *hook) post(body string, change ...func(*http.Request)) string {
	res, err := k.exchange(k.Context(), strings.NewReader(body), change...)
	if err != nil {
		return noAnswer + err.Error()
	}
	return res.String()
}

const noAnswer = "no answer: "

// send delivers an update without waiting for the answer.
func (k *hook) send(body string) <-chan string {
	answer := make(chan string, 1)
	go func() { answer <- k.post(body) }()
	return answer
}

// with sets a header. Each value is a line of its own.
func with(name string, lines ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = lines }
}

// without removes a header.
func without(name string) func(*http.Request) {
	return func(r *http.Request) { delete(r.Header, name) }
}

// answers checks the answer to an update.
func (k *hook) answers(body, want string, change ...func(*http.Request)) {
	k.Helper()
	start, _, _ := strings.Cut(body, "\n")
	k.same(fmt.Sprintf("the answer to %.40s", start), k.post(body, change...), want)
}
