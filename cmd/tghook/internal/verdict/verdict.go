// Package verdict says what Telegram does with a webhook's answer to an update. It lets the
// simulated Telegram of tghooktest read the answer.
package verdict

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// Verdict is what Telegram does with an answer.
type Verdict struct {
	// Delivered says that Telegram confirms the update, and never sends it again.
	Delivered bool `json:"delivered"`
	// Dropped says that Telegram gives the update up, because the wait that Retry-After asks
	// for is longer than the update lives.
	Dropped bool `json:"dropped,omitempty"`
	// Error is last_error_message of getWebhookInfo; empty if Telegram records none.
	Error string `json:"error,omitempty"`
	// Method is the method of the webhook reply that Telegram executes; empty if there is none.
	Method string `json:"method,omitempty"`
	// Refused is why Telegram does not execute what looks like a webhook reply.
	Refused string `json:"refused,omitempty"`
	// RetryAfter is the wait that the answer asks for, in seconds.
	RetryAfter int `json:"retry_after,omitempty"`
}

// String says the verdict in sentences.
func (v Verdict) String() string {
	var s []string
	switch {
	case v.Delivered:
		s = append(s, "Telegram takes the update for delivered and never sends it again.")
	case v.Dropped:
		s = append(s, "Telegram drops the update: the wait that Retry-After asks for is longer than the update lives.")
	case v.RetryAfter > 0:
		s = append(s, fmt.Sprintf("Telegram sends the update again after %d seconds, as Retry-After asks, and holds back all later updates of the same queue.", v.RetryAfter))
	default:
		s = append(s, "Telegram sends the update again: at once, then after 2, 4, 8, 16 and 32 seconds, then each minute or two until it is too old. It holds back all later updates of the same queue.")
	}
	if v.Error != "" {
		s = append(s, "getWebhookInfo shows: "+v.Error+".")
	}
	switch {
	case v.Method != "":
		s = append(s, "It executes the webhook reply "+v.Method+".")
	case v.Refused != "":
		s = append(s, "It does not execute the webhook reply: "+v.Refused+".")
	}
	return strings.Join(s, " ")
}

// host is the webhook in the simulated network.
const host = "bot.example.org:80"

// Of returns the verdict on an answer to an update.
func Of(ctx context.Context, update []byte, answer wire.Answer) (Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	seen := make(chan tghooktest.Delivery, 1)
	s, err := tghooktest.Start(tghooktest.ServerConfig{
		InMemory: true, AllowRefusedReplies: true, Warn: func(string) {},
		Observe: func(d tghooktest.Delivery) {
			select {
			case seen <- d:
			default:
			}
		},
	})
	if err != nil {
		return Verdict{}, err
	}
	defer s.Close()
	l, err := s.Listen(host)
	if err != nil {
		return Verdict{}, err
	}
	defer func() { _ = l.Close() }()
	go replay(l, answer)

	bot, err := tghook.NewClient(s.Token, tghook.ClientConfig{BaseURL: s.URL, HTTP: s.Client(), Local: true})
	if err != nil {
		return Verdict{}, err
	}
	if err := bot.SetWebhook(ctx, tghook.WebhookRequest{URL: "http://" + host + "/", InsecureNoSecret: true, AllowedUpdates: kinds()}); err != nil {
		return Verdict{}, err
	}
	if _, err := s.Deliver(update); err != nil { // of a kind that is not known yet; it lives as long as a message
		if _, err = s.Deliver(tghooktest.Update("message")); err != nil {
			return Verdict{}, err
		}
	}
	select {
	case d := <-seen:
		return verdict(d, answer), nil
	case <-ctx.Done():
		return Verdict{}, ctx.Err()
	}
}

func verdict(d tghooktest.Delivery, answer wire.Answer) Verdict {
	v := Verdict{Delivered: d.Done, Dropped: d.Dropped, Error: d.Err, Method: d.Reply}
	if refused := d.Refused; refused != "" && !unknowable(refused) {
		v.Method, v.Refused = "", strings.TrimPrefix(d.Reply+": "+refused, ": ")
	}
	if after := answer.Header.Get("Retry-After"); !d.Done {
		_, _ = fmt.Sscanf(after, "%d", &v.RetryAfter)
	}
	return v
}

// unknowable reports whether the simulated Telegram refuses a reply because it does not know
// the chats, messages and files that the receiver knows.
func unknowable(refused string) bool {
	return strings.Contains(refused, "not found") && !strings.Contains(refused, "method not found") ||
		strings.Contains(refused, "file identifier") || strings.HasPrefix(refused, "403 ")
}

// replay gives each request on the listener the same answer, byte for byte.
func replay(l net.Listener, answer wire.Answer) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			in := bufio.NewReader(conn)
			for {
				req, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				if _, err := in.Discard(int(req.ContentLength)); err != nil {
					return
				}
				if _, err := conn.Write(answer.Raw); err != nil || answer.Close || !answer.Framed {
					return
				}
			}
		}()
	}
}

// kinds are all kinds of update: by default Telegram leaves three of them out.
func kinds() []string {
	var all []string
	for name := range tghooktest.Updates() {
		all = append(all, name)
	}
	return all
}
