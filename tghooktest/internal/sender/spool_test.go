package sender_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

const (
	asMultipart = "Content-Type: multipart/form-data; boundary=b\r\n"
	at55        = 10 // how often later comes until 55 seconds have passed
	at105       = 4  // and then until 105 seconds have
	at120       = 5
)

func waiting(times int) string { return strings.Repeat(later, times) }

func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// An answer that Telegram writes to a file has a new minute from its beginning on, once.
func TestAnAnswerThatGoesToAFileHasASecondMinute(t *testing.T) {
	t.Parallel()
	const framed = "Transfer-Encoding: chunked\r\n\r\n"
	large := strings.Repeat("x", 16<<10)
	field := "--b\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsendDocument\r\n"
	file := "--b\r\nContent-Disposition: form-data; name=\"document\"; filename=\"x\"\r\n\r\n"
	for name, x := range map[string]struct {
		answer string
		want   time.Duration // when the attempt ends
	}{
		"text":                 {"HTTP/1.1 200 OK\r\n" + framed + waiting(at55) + chunk("hello") + waiting(at105) + chunk(""), 105 * time.Second},
		"text that never ends": {"HTTP/1.1 200 OK\r\n" + framed + waiting(at55) + chunk("hello") + waiting(at120), 115 * time.Second},
		"text in three parts":  {"HTTP/1.1 200 OK\r\n" + framed + waiting(at55) + chunk("hello") + waiting(3) + chunk("hello") + waiting(2) + chunk(""), 115 * time.Second},
		"much text":            {"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + waiting(at55) + large + waiting(at105) + large, 105 * time.Second},
		"text of one portion":  {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + waiting(at55) + "h" + waiting(at105) + "i", time.Minute},
		"a file":               {"HTTP/1.1 200 OK\r\n" + asMultipart + framed + waiting(at55) + chunk(field+file) + waiting(at105) + chunk("content\r\n--b--") + chunk(""), 105 * time.Second},
		"fields":               {"HTTP/1.1 200 OK\r\n" + asMultipart + framed + waiting(at55) + chunk(field) + waiting(at105) + chunk("--b--") + chunk(""), time.Minute},
		"JSON":                 {"HTTP/1.1 200 OK\r\n" + asJSON + framed + waiting(at55) + chunk("{") + waiting(at105) + chunk("}") + chunk(""), time.Minute},
		"headers":              {"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n" + waiting(at55) + "\r\n" + waiting(at105) + large + large, time.Minute},
		"text of a failure":    {"HTTP/1.1 500 No\r\n" + framed + waiting(at55) + chunk("hello") + waiting(at105) + chunk(""), 105 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(q request) string {
				if q.nth == 0 {
					return x.answer
				}
				return ok
			}, nil, func(r *rig) {
				r.send(1, "x")
				r.pass(4 * time.Minute)
				a := r.saw().attempts[0]
				assert.Equal(t, x.want, a.Took, "how long the attempt took")
				assert.Equal(t, x.want == time.Minute || x.want == 115*time.Second, a.Err == "Read timeout expired", "that it timed out")
			})
		})
	}
}

// The second minute is for the first such answer of a connection only.
func TestALaterFileOfAConnectionHasNoSecondMinute(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.nth == 1 {
			return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + waiting(at55) + chunk("hello") + waiting(at105) + chunk("")
		}
		return withBody("200 OK", "", "hello")
	}, nil, func(r *rig) {
		r.send(1, "x")
		r.send(1, "y")
		r.pass(4 * time.Minute)
		assert.Equal(t, time.Minute, r.saw().attempts[1].Took, "how long the second attempt took")
		r.expectFailures("Read timeout expired")
	})
}

// The answer comes whole and at once. Telegram never reads its end, and sends the update
// again for ever.
func TestALargePackedUploadTimesOutForEver(t *testing.T) {
	t.Parallel()
	content := make([]byte, 2_500_000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := fmt.Fprintf(z, "--b\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsendDocument\r\n--b\r\nContent-Disposition: form-data; name=\"document\"; filename=\"x\"\r\n\r\n%s\r\n--b--\r\n", content)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	answer := withBody("200 OK", asMultipart+"Content-Encoding: gzip\r\n", packed.String())
	assert.Equal(t, "more", sender.ReadAnswer([]string{answer, ok, ok}), "the answers that are read")
	inBubble(t, always(answer), nil, func(r *rig) {
		r.send(1, "x")
		r.pass(5*time.Minute + 15*time.Second)
		assert.Equal(t, []time.Duration{0, 60 * time.Second, 122 * time.Second, 186 * time.Second, 254 * time.Second}, r.times(0), "requests")
		r.expectFailures("Read timeout expired", "Read timeout expired", "Read timeout expired", "Read timeout expired", "Read timeout expired")
		assert.Empty(t, r.saw().replies, "methods that were executed")
		assert.Equal(t, 1, r.queue.Len(), "updates that wait")
	})
}
