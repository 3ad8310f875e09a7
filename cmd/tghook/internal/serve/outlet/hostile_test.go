package outlet_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
)

// forever writes a text until the connection is closed.
func forever(conn net.Conn, text string) {
	for {
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func deflated(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func answer(header, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n%s", header, len(body), body)
}

const (
	jsonType = "Content-Type: application/json"
	call     = `{"method":"sendMessage","chat_id":1,"text":"hi"}`
)

func TestHostileBots(t *testing.T) {
	write := io.WriteString
	for name, test := range map[string]struct {
		answer  func(conn net.Conn, body string) bool
		took    time.Duration
		err     string // empty: the update is delivered
		refused string // a part of it
		reply   bool
		kept    bool // the connection can be used again
		trouble bool
	}{
		"endless header": {
			answer: func(conn net.Conn, _ string) bool {
				_, _ = write(conn, "HTTP/1.1 200 OK\r\n")
				forever(conn, "X-A: "+strings.Repeat("a", 1000)+"\r\n")
				return false
			}, err: "the head of the answer has more than 256 KiB", trouble: true,
		},
		"endless line": {
			answer: func(conn net.Conn, _ string) bool { forever(conn, "HTTP/1.1 200 OK"); return false },
			err:    "the head of the answer has more than 256 KiB", trouble: true,
		},
		"endless JSON": {
			answer: func(conn net.Conn, _ string) bool {
				_, _ = write(conn, "HTTP/1.1 200 OK\r\n"+jsonType+"\r\nTransfer-Encoding: chunked\r\n\r\n")
				forever(conn, "400\r\n"+strings.Repeat("a", 1024)+"\r\n")
				return false
			}, refused: "more than the 1048576 bytes",
		},
		"endless page": {
			answer: func(conn net.Conn, _ string) bool {
				_, _ = write(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
				forever(conn, "400\r\n"+strings.Repeat("a", 1024)+"\r\n")
				return false
			},
		},
		"endless page of an error": {
			answer: func(conn net.Conn, _ string) bool {
				_, _ = write(conn, "HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
				forever(conn, "400\r\n"+strings.Repeat("a", 1024)+"\r\n")
				return false
			}, err: "Wrong response from the webhook: 500 Oops", trouble: true,
		},
		"a long length": {
			answer:  always("HTTP/1.1 200 OK\r\n" + jsonType + "\r\nContent-Length: 9999999999\r\n\r\n" + strings.Repeat(" ", 64<<10)),
			refused: "more than the 1048576 bytes",
		},
		"dripping body": {
			answer: func(conn net.Conn, _ string) bool {
				_, err := write(conn, "HTTP/1.1 200 OK\r\n"+jsonType+"\r\nContent-Length: 1000\r\n\r\n")
				for err == nil {
					time.Sleep(time.Second)
					_, err = write(conn, " ")
				}
				return false
			}, took: time.Minute, err: "no answer in time (getWebhookInfo: Read timeout expired)", trouble: true,
		},
		"dripping head": {
			answer: func(conn net.Conn, _ string) bool {
				_, err := write(conn, "HTTP/1.1 200 OK\r\n")
				for err == nil {
					time.Sleep(time.Second)
					_, err = write(conn, "X-A: b\r\n")
				}
				return false
			}, took: time.Minute, err: "no answer in time (getWebhookInfo: Read timeout expired)", trouble: true,
		},
		"no answer": {
			answer: func(conn net.Conn, _ string) bool { _, _ = io.Copy(io.Discard, conn); return false },
			took:   time.Minute, err: "no answer in time (getWebhookInfo: Read timeout expired)", trouble: true,
		},
		"100 Continue": {
			answer: always("HTTP/1.1 100 Continue\r\n\r\n" + yes), err: "Wrong response from the webhook: 100 Continue",
		},
		"103 Early Hints": {
			answer: always("HTTP/1.1 103 Early Hints\r\n\r\n"), err: "Wrong response from the webhook: 103 Early Hints",
		},
		"a redirect": {
			answer: always("HTTP/1.1 302 Found\r\nLocation: http://other.test/\r\nContent-Length: 0\r\n\r\n"), err: "Wrong response from the webhook: 302 Found", kept: true,
		},
		"not HTTP": {
			answer: always("SSH-2.0-OpenSSH\r\n"), err: `malformed HTTP response "SSH-2.0-OpenSSH"`, trouble: true,
		},
		"closes in the head": {
			answer: func(conn net.Conn, _ string) bool { _, _ = write(conn, "HTTP/1.1 200 OK\r\nX-"); return false },
			err:    "the connection was closed without a whole answer", trouble: true,
		},
		"closes in the body": {
			answer: func(conn net.Conn, _ string) bool {
				_, _ = write(conn, "HTTP/1.1 200 OK\r\n"+jsonType+"\r\nContent-Length: 100\r\n\r\n"+call)
				return false
			}, err: "the connection was closed without a whole answer", trouble: true,
		},
		"closes in the chunks": {
			answer: func(conn net.Conn, _ string) bool {
				_, _ = write(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
				return false
			}, err: "the connection was closed without a whole answer", trouble: true,
		},
		"two answers": {answer: always(yes + yes)},
		"closes after the answer": {
			answer: func(conn net.Conn, _ string) bool { return !always(yes)(conn, "") },
		},
		"Connection: close": {answer: always("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")},
		"HTTP/1.0":          {answer: always("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")},
		"no length": {
			answer: func(conn net.Conn, _ string) bool {
				_, _ = write(conn, "HTTP/1.1 200 OK\r\n"+jsonType+"\r\n\r\n"+call)
				return false
			}, refused: "neither a Content-Length nor chunks",
		},
		"no length and no end": {
			answer: func(conn net.Conn, _ string) bool {
				_, _ = write(conn, "HTTP/1.1 200 OK\r\n"+jsonType+"\r\n\r\n"+call)
				_, _ = io.Copy(io.Discard, conn)
				return false
			}, refused: "neither a Content-Length nor chunks", took: time.Second,
		},
		"a call":            {answer: always(answer(jsonType, call)), reply: true, kept: true},
		"a call in chunks":  {answer: always("HTTP/1.1 299 Fine\r\n" + jsonType + "\r\nTransfer-Encoding: chunked\r\n\r\n30\r\n" + call + "\r\n0\r\n\r\n"), reply: true, kept: true},
		"a call in gzip":    {answer: always(answer(jsonType+"\r\nContent-Encoding: gzip", zipped(call))), reply: true, kept: true},
		"a call in deflate": {answer: always(answer(jsonType+"\r\nContent-Encoding: deflate", deflated(call))), reply: true, kept: true},
		"a call in br":      {answer: always(answer(jsonType+"\r\nContent-Encoding: br", call)), refused: `Content-Encoding of the answer is "br"`, kept: true},
		"broken gzip":       {answer: always(answer(jsonType+"\r\nContent-Encoding: gzip", zipped(call)[:40])), refused: "cannot be unpacked: unexpected EOF", kept: true},
		"gzip bomb": {
			answer: always(answer(jsonType+"\r\nContent-Encoding: gzip", zipped(strings.Repeat(" ", 20<<20)))), refused: "more than the 1048576 bytes", kept: true,
		},
		"broken JSON": {answer: always(answer(jsonType, call[:40])), refused: "not well-formed JSON", kept: true},
		"204":         {answer: always("HTTP/1.1 204 No Content\r\n\r\n"), kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bot{answer: test.answer}
				o, s := grown(t, b)
				defer o.Close()
				start := time.Now()
				reply, err := o.Deliver(t.Context(), update(t, 1))
				require.Equal(t, test.took, time.Since(start))
				a := s.last(t)
				require.Len(t, s.list(), 1)
				require.Equal(t, err, a.Err)
				if test.err != "" {
					require.EqualError(t, err, test.err)
				} else {
					require.NoError(t, err)
				}
				require.Contains(t, a.Refused, test.refused)
				require.Equal(t, test.refused == "", a.Refused == "", a.Refused)
				if test.reply {
					require.Equal(t, "sendMessage", reply.Method)
					require.Equal(t, "sendMessage", a.Reply)
				} else {
					require.Equal(t, tghook.NoReply, reply)
				}
				require.Equal(t, test.trouble, o.Status().Window == 4)
				require.LessOrEqual(t, len(a.Exchange.Answer), 64<<10)
				synctest.Wait()
				require.Equal(t, test.kept, o.Idle() == 1)
				if !test.kept {
					require.Zero(t, o.Idle())
				}
				b.answer = always(yes)
				_, err = o.Deliver(t.Context(), update(t, 2))
				require.NoError(t, err, "the next update gets an answer of its own")
				time.Sleep(2 * time.Second) // until the bot has noticed
			})
		})
	}
}

func TestABombIsNotUnpacked(t *testing.T) {
	bomb := answer(jsonType+"\r\nContent-Encoding: gzip", zipped(strings.Repeat(" ", 50<<20)))
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(bomb)}
		o, s := b.open(t)
		defer o.Close()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := o.Deliver(t.Context(), update(t, 1))
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.NotEmpty(t, s.last(t).Refused)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(30<<20))
	})
}

// A bot may answer before it has read the request.
func TestAnEarlyAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, err := outlet.NewWithDial(outlet.Config{Target: targetAt(t, "http://bot.test/")}, func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				_, _ = io.WriteString(server, answer(jsonType, call))
				time.Sleep(time.Hour)
				server.Close()
			}()
			return client, nil
		})
		require.NoError(t, err)
		defer o.Close()
		start := time.Now()
		reply, err := o.Deliver(t.Context(), update(t, 1))
		require.NoError(t, err)
		require.Equal(t, "sendMessage", reply.Method)
		require.LessOrEqual(t, time.Since(start), time.Second)
		require.Zero(t, o.Idle(), "half of a request is in the connection")
		time.Sleep(2 * time.Hour)
	})
}

// parts returns a multipart answer.
func parts(t *testing.T, texts map[string]string, files int, size int) (header, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, text := range texts {
		require.NoError(t, w.WriteField(name, text))
	}
	for i := range files {
		part, err := w.CreateFormFile(fmt.Sprintf("file%d", i), "photo.jpg")
		require.NoError(t, err)
		_, _ = part.Write(bytes.Repeat([]byte{byte(i)}, size))
	}
	require.NoError(t, w.Close())
	return "Content-Type: " + w.FormDataContentType(), b.String()
}

func TestLargeAnswers(t *testing.T) {
	texts := map[string]string{"method": "sendDocument", "chat_id": "1", "document": "attach://file0"}
	for name, test := range map[string]struct {
		files, size int
		packed      bool
		refused     string
	}{
		"one of 50 MB":      {files: 1, size: 50 << 20},
		"one of too much":   {files: 1, size: 50<<20 + 1, refused: "more than 52428800 bytes"},
		"more than is read": {files: 1, size: 53 << 20, refused: "more than the 54525952 bytes"},
		"50":                {files: 50, size: 1},
		"51":                {files: 51, size: 1, refused: "more than 50 files"},
		"a bomb":            {files: 1, size: 60 << 20, packed: true, refused: "more than the 54525952 bytes"},
		"packed":            {files: 1, size: 10 << 20, packed: true},
	} {
		t.Run(name, func(t *testing.T) {
			header, body := parts(t, texts, test.files, test.size)
			if test.packed {
				header, body = header+"\r\nContent-Encoding: gzip", zipped(body)
			}
			synctest.Test(t, func(t *testing.T) {
				b := &bot{answer: always(answer(header, body))}
				o, s := b.open(t)
				defer o.Close()
				ctx, cancel := context.WithCancel(t.Context())
				reply, err := o.Deliver(ctx, update(t, 1))
				require.NoError(t, err)
				require.Contains(t, s.last(t).Refused, test.refused)
				if test.refused != "" {
					require.Equal(t, tghook.NoReply, reply)
				} else {
					content, err := io.ReadAll(reply.Params.(map[string]any)["document"].(tghook.File).Body)
					require.NoError(t, err)
					require.Len(t, content, test.size)
				}
				counted := test.refused == "" && (test.packed || len(body) > 64<<10)
				require.Equal(t, !counted, outlet.TakeMemory(outlet.MaxInUse), "files count until the context ends")
				if !counted {
					outlet.ReturnMemory(outlet.MaxInUse)
				}
				cancel()
				synctest.Wait()
				require.True(t, outlet.TakeMemory(outlet.MaxInUse))
				outlet.ReturnMemory(outlet.MaxInUse)
				require.True(t, o.Held().TryAcquire(outlet.MaxHeld))
			})
			runtime.GC()
		})
	}
}

func TestNoMemoryForAnAnswer(t *testing.T) {
	for name, test := range waitsOf(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bot{answer: always(answer(test.header, test.body))}
				o, s := b.open(t)
				defer o.Close()
				pool, taken := test.room(o)
				require.True(t, pool.TryAcquire(taken+1))
				reply, err := o.Deliver(t.Context(), update(t, 1))
				require.NoError(t, err, "the bot has taken the update")
				require.Equal(t, tghook.NoReply, reply)
				require.Contains(t, s.last(t).Refused, "the gateway had no memory in time")
				require.False(t, o.Status().Down, "it is not the bot's fault")
				require.True(t, pool.TryAcquire(1), "the answer has none")
			})
		})
	}
}

// Other bots have the memory of the process.
func TestSmallAnswersDoNotWaitForLargeOnesOfOtherBots(t *testing.T) {
	header, body := parts(t, map[string]string{"method": "sendDocument"}, 1, 1<<20)
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(answer(jsonType, call))}
		o, s := b.open(t)
		defer o.Close()
		require.True(t, outlet.TakeMemory(outlet.MaxInUse))
		defer outlet.ReturnMemory(outlet.MaxInUse)
		reply, err := o.Deliver(t.Context(), update(t, 1))
		require.NoError(t, err)
		require.Equal(t, "sendMessage", reply.Method)
		b.set(func() { b.answer = always(answer(header, body)) })
		_, err = o.Deliver(t.Context(), update(t, 2))
		require.NoError(t, err)
		require.Contains(t, s.last(t).Refused, "the gateway had no memory in time")
		require.True(t, o.Held().TryAcquire(outlet.MaxHeld))
	})
}

func TestACopyIsNotExecuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(answer(jsonType, call))}
		o, s := b.open(t, func(c *outlet.Config) { c.Target.Name = "audit" })
		defer o.Close()
		reply, err := o.Deliver(t.Context(), update(t, 1))
		require.NoError(t, err)
		require.Equal(t, tghook.NoReply, reply)
		a := s.last(t)
		require.Empty(t, a.Reply+a.Refused)
		require.Equal(t, call, string(a.Exchange.Answer))
		require.Equal(t, 1, o.Idle())

		b.answer = always(answer(jsonType, strings.Repeat("x", 1<<20)))
		_, err = o.Deliver(t.Context(), update(t, 1))
		require.NoError(t, err)
		require.Len(t, s.last(t).Exchange.Answer, 64<<10)
		require.Equal(t, 1<<20, s.last(t).Exchange.AnswerSize)
		require.Equal(t, 1, o.Idle())
	})
}
