package sender_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// piece by piece, so that an answer is read in all ways it may come.
func inPieces(raw string, size int) (pieces []string) {
	for ; len(raw) > size; raw = raw[size:] {
		pieces = append(pieces, raw[:size])
	}
	return append(pieces, raw)
}

func TestAnAnswerIsReadAsTelegramReadsIt(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ raw, want string }{
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200"},
		{"HTTP/1.1 299 Fine\r\nContent-Length: 2\r\n\r\nhi", "299 body hi of "},
		{"HTTP/1.1 204 No Content\r\n\r\n", "204"},
		{"HTTP/1.1 200\r\nContent-Length: 2\r\nX: y\r\n\r\n", "200"},
		{"HTTP/1.1 200\r\nContent-Length:2\r\nX: y\r\n\r\n", "200"},
		{"HTTP/1.1 200\r\nX:y\r\nContent-Length:2\r\n\r\n{}", "refused 400 Bad Request"},
		{"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", "500 reason 0"},
		{"HTTP/1.1 500\r\nA:b\r\nC: d e\r\n\r\n", "500 reason d e"},
		{"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200"},
		{"HTTP/1.0 201 Created\r\n\r\n", "201, closing"},
		{"HTTP/1.1 500 \r\n\r\n", "500 reason "},
		{"HTTP/1.1 500\r\n\r\n", "refused 400 Bad Request"},
		{"HTTP/1.1  200 OK\r\n\r\n", "0 reason 200 OK"},
		{"HTTP/1.1 4294967496 OK\r\n\r\n", "200"},
		{"HTTP/1.1 -200 OK\r\n\r\n", "-200 reason OK"},
		{"HTTP/1.1\r\nA: b\r\n\r\n", "refused 505 HTTP Version Not Supported"},
		{"HTTP/1.1\r\nA:b\r\n\r\n", "refused 501 Not Implemented"},
		{"HTTP/1.1 302 Found It Here\r\nLocation: /x\r\n\r\n", "302 reason Found It Here"},
		{"HTTP/1.1 199 Odd\r\n\r\n", "199 reason Odd"},
		{"HTTP/1.1 100 Continue\r\n\r\n", "100 reason Continue"},
		{"HTTP/1.1 300 Odd\r\nConnection: close\r\n\r\n", "300 reason Odd, closing"},
		{"HTTP/1.1 20x \r\n\r\n", "20 reason "},
		{"HTTP/1.1 abc def\r\n\r\n", "0 reason def"},
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "200 body {} of application/json"},
		{"HTTP/1.1 200 OK\r\nContent-Type: Application/JSON\r\ncontent-length:2\r\n\r\n{}", "200 body {} of Application/JSON"},
		{"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", "200 body {} of text/plain"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "200 body {} of "},
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", "200"},
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: x\r\n\r\n", "200"},
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: -2\r\n\r\n", "200"},
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\nContent-Length: 2x\r\n\r\n{}", "200 body {} of application/json"},
		{"HTTP/1.1 200 OK\r\nContent-Type:\r\n application/json\r\nContent-Length: 2\r\n\r\n{}", "200 body {} of application/json"},
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: None\r\nContent-Length: 2\r\n\r\n{}", "200 body {} of application/json"},
		{"HTTP/1.1 200 OK\r\nContent-Encoding: GZIP\r\nContent-Length: 2\r\n\r\n{}", "refused 400 Bad Request: zlib error -3"},
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\n{\"\r\nA\r\n0123456789\r\n00002\r\n\"}\r\n0\r\n\r\n", `200 body {"0123456789"} of application/json`},
		{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n\r\n", "200 body {} of application/json"},
		{chunked + "2\r\n{}--0000000a\r\n0123456789\n\n0\r\n\r\n", "200 body {}0123456789 of "},
		{chunked + "00000001\r\nx\r\n00000000\r\n\r\n", "200 body x of "},
		{chunked + "1\r\nx\r\nno number\r\n\r\n", "refused 400 Bad Request: Too long length in chunked no number"},
		{chunked + "1\r\nx\r\nno hex\r\n\r\n", "200 body x of "},
		{chunked + "\r\n\r\n", "200"},
		{chunked + "1;name=xy\r\nx\r\n0\r\n\r\n", "refused 400 Bad Request: Too long length in chunked 1;name=xy"},
		{chunked + "1\r\nx\r\n0\r\nA: b\r\n\r\n", "200 body x of ; refused 501 Not Implemented"},
		{chunked + "0\r\nA: b c\r\n\r\n", "200; refused 501 Not Implemented"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200"},

		{"HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\n\r\n", "200"},
		{"HTTP/2 200 OK\r\n\r\n", "refused 505 HTTP Version Not Supported"},
		{"HTTP/1.2 200 OK\r\n\r\n", "refused 505 HTTP Version Not Supported"},
		{"http/1.1 200 OK\r\n\r\n", "refused 501 Not Implemented"},
		{"SSH-2.0-OpenSSH\r\n\r\n", "refused 501 Not Implemented"},
		{"\r\nHTTP/1.1 200 OK\r\n\r\n", "refused 501 Not Implemented"},
		{"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "refused 400 Bad Request"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "refused 501 Unimplemented: unsupported transfer-encoding"},
		{"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "refused 415 Unsupported Media Type: unsupported content-encoding"},
		{"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n", "200"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "refused 413 Request Entity Too Large: content length is 4294967295"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\n{}", "200 body {} of "},
		{"HTTP/1.1 200 OK\r\nA: b\rContent-Length: 2\r\n\r\n", "refused 400 Bad Request"},
		{"HTTP/1.1 200 OK\r\n\vContent-Type\x00: application/json \x00\r\nContent-Length: \v2\r\n\r\n{}", "200 body {} of application/json"},
		{chunked + "000000001\r\n", "refused 400 Bad Request: Too long length in chunked 000000001"},
		{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 256<<10), "refused 431 Request Header Fields Too Large: total headers size exceeded"},
		{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 255<<10) + "\r\n\r\n", "200"},

		{"", "more"},
		{"HTTP/1.1 200 OK\r\n", "more"},
		{"HTTP/1.1 200 OK\n\n", "more"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx", "more"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", "more"},
		{chunked + "2\r\n{}\r\n0\r\n\r", "more"},
		{chunked + "00000002\r", "more"},
	} {
		for _, size := range []int{1 << 20, 7, 1} {
			if size == 1 && len(x.raw) > 1<<10 {
				continue
			}
			assert.Equal(t, x.want, sender.ReadAnswer(inPieces(x.raw, size)), x.raw)
		}
	}
}

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

// A webhook may answer with a request, by mistake. It is read whole, and quoted.
func TestARequestInThePlaceOfAnAnswerIsQuoted(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ raw, want string }{
		{"GET / HTTP/1.1\r\n\r\n", "GET:/:keep-alive\n"},
		{"GET /a?b=c HTTP/1.0\r\nHost: X\r\nConnection: Keep-Alive\r\n\r\n", "GET:/a:[b:c]:keep-alive\nhost=X\nconnection=keep-alive\n"},
		{"POST /a b HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "POST:/a b\nconnection=close\ncontent-length=2\n"},
		{"POST /a?b=c HTTP/1.0\r\n" + asJSON + "Content-Length: 14\r\n\r\n{\"b\":1,\"b\":{}}", "POST:/a:[b:c]:[b:1]:[b:{}]\ncontent-type=application/json\ncontent-length=14\n"},
		{"GET /\r\n\r\n", "Bad Request: wrong request line"},
		{"GET  HTTP/1.1\r\n\r\n", "GET::keep-alive\n"},
		{"GET / HTTP/2\r\n\r\n", "HTTP Version Not Supported"},
		{"PUT / HTTP/1.1\r\n\r\n", "Not Implemented"},
		{"POST / HTTP/1.1\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "Unsupported Media Type: unsupported content-encoding"},
	} {
		want := "request " + x.want + "BEGIN CONTENT\nEND CONTENT\n"
		if !strings.HasSuffix(x.want, "\n") {
			want = "refused " + map[byte]string{'B': "400 ", 'H': "505 ", 'N': "501 ", 'U': "415 "}[x.want[0]] + x.want
		}
		for _, size := range []int{1 << 20, 1} {
			assert.Equal(t, want, sender.ReadAnswer(inPieces(x.raw, size)), x.raw)
		}
	}
}

// Bytes after an answer belong to the next one.
func TestAnswersInOnePieceAreReadOneByOne(t *testing.T) {
	t.Parallel()
	raw := "HTTP/1.1 100 Continue\r\n\r\n" + ok + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + broken
	assert.Equal(t, "100 reason Continue; 200; 200 body x of ; 500 reason Internal Server Error", sender.ReadAnswer([]string{raw}), "the answers")
}

func FuzzAnAnswerIsTheSameInWhateverPieces(f *testing.F) {
	f.Add(ok+broken, uint8(1))
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n"+ok, uint8(3))
	f.Add("HTTP/1.1 200 OK\r\nContent-Type:\r\n application/json\r\nContent-Length: 2\r\n\r\n{}HTTP/3", uint8(2))
	f.Add("HTTP/1.1 200 OK\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 71\r\n\r\n"+
		"--b\r\nContent-Disposition: form-data; name=a; filename=\"%41\"\r\n\r\nx\r\n--b--", uint8(5))
	f.Add("HTTP/1.0 200 OK\r\nContent-Encoding: deflate\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n\x78\x9c\xab\x00\x00\x00\x79\x00\x79"+ok, uint8(4))
	f.Add("POST /a?b=%63 HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\nd=%65", uint8(1))
	f.Fuzz(func(t *testing.T, raw string, size uint8) {
		if len(raw) > 1<<12 {
			return
		}
		whole := sender.ReadAnswer([]string{raw})
		tooLong := strings.Contains(whole, "Too long length in chunked") // the message shows only the bytes that have come
		if got := sender.ReadAnswer(inPieces(raw, int(size)+1)); got != whole && !tooLong {
			t.Errorf("%q in pieces of %d is %q, in one %q", raw, size+1, got, whole)
		}
	})
}

// An attempt with CutBefore takes no answer, even one that has come before.
func TestACutAttemptTakesNoAnswerThatWasThereBefore(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.nth == 0 {
			return ok + ok
		}
		return ok
	}, func(cfg *sender.Config) {
		cfg.Fault = func(a sender.Attempt) sender.Fault { return sender.Fault{CutBefore: a.Start.Second() == 1} }
	}, func(r *rig) {
		r.send(1, "a")
		r.pass(time.Second)
		r.send(1, "b")
		r.pass(2 * time.Second)
		assert.Equal(t, "1: 0s+0s 200 done, 1: 1s+0s 0 , 2: 1s+0s 0 , 3: 3s+0s 200 done", r.log(), "attempts")
	})
}

// An answer of which Telegram never reads the end has no answer after it.
func TestNothingComesAfterAnAnswerThatStalls(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := fmt.Fprintf(z, "--b\r\nContent-Disposition: form-data; name=x; filename=x\r\n\r\n%s\r\n--b--", strings.Repeat("x", 3<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	stalled := withBody("200 OK", "Content-Type: multipart/form-data; boundary=b\r\nContent-Encoding: gzip\r\n", packed.String())
	assert.Equal(t, "more", sender.ReadAnswer([]string{stalled, ok, ok}), "the answers that are read")
}
