package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// delivery is one update on its way, with the number of failures behind it.
type delivery struct {
	update *tghook.Update
	due    time.Time
	failed int
}

// deliverAll plays Telegram's side: one connection that is kept alive, a failed
// update again after Retry-After or 0, 2, 4 ... seconds, and one update twice, as
// if its answer had been lost.
func deliverAll(ctx context.Context, out io.Writer, addr string, audit *audit) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)

	var queue []delivery
	for name, body := range tghooktest.Updates() {
		u, err := tghook.ParseUpdate(body)
		if err != nil {
			return err
		}
		audit.expect(u)
		queue = append(queue, delivery{update: u})
		if name == "message" {
			queue = append(queue, delivery{update: u})
		}
	}
	fmt.Fprintf(out, "%-10s %-27s %-20s %-6s %-10s %-8s %s\n", "update", "kind", "chat", "status", "outcome", "time", "answer")
	for len(queue) > 0 {
		slices.SortStableFunc(queue, func(a, b delivery) int { return a.due.Compare(b.due) })
		next := queue[0]
		queue = queue[1:]
		time.Sleep(time.Until(next.due))

		start := time.Now()
		if err := post(conn, addr, next.update.Raw); err != nil {
			return err
		}
		status, retryAfter, body, err := answer(answers)
		if err != nil {
			return err
		}
		u := next.update
		fmt.Fprintf(out, "%-10d %-27s %-20s %-6d %-10s %-8s %s\n", u.ID, u.Kind, chat(u), status, audit.outcome(u.ID),
			time.Since(start).Round(10*time.Microsecond), what(body, retryAfter))
		if status/100 == 2 {
			continue
		}
		if next.failed++; next.failed > 10 {
			return fmt.Errorf("update %d failed ten times", u.ID)
		}
		if retryAfter == 0 && next.failed > 1 {
			retryAfter = time.Second << (next.failed - 1)
		}
		next.due = time.Now().Add(retryAfter)
		queue = append(queue, next)
	}
	return nil
}

func chat(u *tghook.Update) string {
	if u.ChatID == 0 {
		return "-"
	}
	return strconv.FormatInt(u.ChatID, 10)
}

// what is what the bot answers with.
func what(body []byte, retryAfter time.Duration) string {
	if retryAfter > 0 {
		return fmt.Sprintf("Retry-After: %d", retryAfter/time.Second)
	}
	return string(body)
}

// post writes a request with exactly the headers that Telegram sends.
func post(w io.Writer, host string, body []byte) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nX-Telegram-Bot-Api-Secret-Token: %s\r\n", path, host, secret)
	fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	b.WriteString("Connection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n")
	b.Write(body)
	_, err := w.Write(b.Bytes())
	return err
}

func answer(r *bufio.Reader) (status int, retryAfter time.Duration, body []byte, err error) {
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, 0, nil, err
	}
	defer res.Body.Close()
	if res.Close {
		return 0, 0, nil, errors.New("the bot's server closes the connection, which slows Telegram down")
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		retryAfter = time.Duration(seconds) * time.Second
	}
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, retryAfter, body, err
}
