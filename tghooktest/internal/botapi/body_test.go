package botapi_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// answered reads the body of an answer that comes in pieces of this size.
func answered(contentType, encoding, body string, size int) (botapi.Params, string, error) {
	b, err := botapi.NewBody(contentType, encoding)
	if err != nil {
		return botapi.Params{}, "", err
	}
	for ; body != ""; body = body[min(size, len(body)):] {
		if err := b.Add([]byte(body[:min(size, len(body))])); err != nil {
			return botapi.Params{}, "", err
		}
	}
	return b.End()
}

func pack(w io.WriteCloser, packed *bytes.Buffer, text string) string {
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return packed.String()
}

func gzipped(text string) string {
	var b bytes.Buffer
	return pack(gzip.NewWriter(&b), &b, text)
}

func deflated(text string) string {
	var b bytes.Buffer
	return pack(zlib.NewWriter(&b), &b, text)
}

func TestContentEncodingsAreUndone(t *testing.T) {
	t.Parallel()
	const body = `{"method":"sendMessage","text":"hi"}`
	corrupt := []byte(gzipped(body))
	corrupt[len(corrupt)-6] ^= 1 // part of the checksum
	for _, x := range []struct{ name, encoding, contentType, body, want string }{
		{"none", "None", asJSON, body, "hi"},
		{"gzip", "gzip", asJSON, gzipped(body), "hi"},
		{"deflate", "Deflate", asJSON, deflated(body), "hi"},
		{"gzip that is called deflate", "deflate", asJSON, gzipped(body), "hi"},
		{"deflate that is called gzip", "gzip", asJSON, deflated(body), "hi"},
		{"more after gzip", "gzip", asJSON, gzipped(body) + "more", "hi"},
		{"gzip of parts", "gzip", asMultipart, gzipped(parts("Content-Disposition: form-data; name=method\n\nsendMessage", "Content-Disposition: form-data; name=text\n\nhi")), "hi"},
		{"gzip of what is ignored", "gzip", "text/plain", gzipped(body), ""},
		{"nothing", "gzip", asJSON, "", "Bad Request: zlib error -5"},
		{"gzip that is cut", "gzip", asJSON, gzipped(body)[:20], "Bad Request: zlib error -5"},
		{"gzip that is cut in its header", "gzip", asJSON, gzipped(body)[:5], "Bad Request: zlib error -5"},
		{"deflate that is cut in its header", "gzip", asJSON, deflated(body)[:1], "Bad Request: zlib error -5"},
		{"gzip of parts that is cut", "gzip", asMultipart, gzipped(parts("Content-Disposition: form-data; name=method\n\nsendMessage"))[:20], "Bad Request: zlib error -5"},
		{"gzip of what is ignored, cut", "gzip", "text/plain", gzipped(body)[:20], "Bad Request: zlib error -5"},
		{"what is not gzip", "gzip", asJSON, body, "Bad Request: zlib error -3"},
		{"a wrong checksum", "gzip", asJSON, string(corrupt), "Bad Request: zlib error -3"},
		{"br", "br", asJSON, body, "Unsupported Media Type: unsupported content-encoding"},
		{"identity", "identity", asJSON, body, "Unsupported Media Type: unsupported content-encoding"},
		{"br of what is ignored", "br", "text/plain", body, "Unsupported Media Type: unsupported content-encoding"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			p, _, err := answered(x.contentType, x.encoding, x.body, 1)
			got := p.String("text")
			if err != nil {
				got = err.Error()
			}
			assert.Equal(t, x.want, got)
		})
	}
}

// Telegram's reader of a packed multipart body stops before its end.
func TestAPackedFileOfMoreThanTwoMebibytesStalls(t *testing.T) {
	t.Parallel()
	upload := func(size int) string {
		content := make([]byte, size)
		for i, random := 0, rand.New(rand.NewPCG(1, 2)); i < size/2; i++ {
			content[i] = byte(random.Uint32())
		}
		return parts("Content-Disposition: form-data; name=method\n\nsendDocument", "Content-Disposition: form-data; name=document; filename=x\n\n"+string(content))
	}
	for _, x := range []struct {
		name, contentType, encoding, body string
		stalled                           bool
	}{
		{"1.6 MB in gzip", asMultipart, "gzip", gzipped(upload(1_600_000)), false},
		{"2.5 MB in gzip", asMultipart, "gzip", gzipped(upload(2_500_000)), true},
		{"2.5 MB in deflate", asMultipart, "deflate", deflated(upload(2_500_000)), true},
		{"2.5 MB as they are", asMultipart, "", upload(2_500_000), false},
		{"6 MB that are no call", "text/plain", "gzip", gzipped(strings.Repeat("x", 6_000_000)), false},
	} {
		p, _, err := answered(x.contentType, x.encoding, x.body, len(x.body))
		if x.stalled {
			require.ErrorIs(t, err, botapi.ErrStalled, x.name)
			continue
		}
		require.NoError(t, err, x.name)
		assert.Equal(t, x.contentType == asMultipart, p.Method == "sendDocument" && len(p.Files["document"].Content) > 1_000_000, x.name)
	}
	broken := strings.Replace(upload(2_500_000), `filename=x`, `filename="`, 1)
	_, _, err := answered(asMultipart, "gzip", gzipped(broken), 1<<10)
	assert.EqualError(t, err, "Bad Request: unclosed quoted string in Content-Disposition header", "a fault before the end")
}

func TestAnAnswerWithoutEndIsGivenUp(t *testing.T) {
	t.Parallel()
	file := "--B\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n"
	for _, x := range []struct {
		contentType, encoding, start string
		most                         int // bytes that are read
		want                         string
	}{
		{asJSON, "", `{"method":"sendMessage","text":"`, 1 << 20, "Request Entity Too Large: too many parameters"},
		{asForm, "", `method=sendMessage&text=`, 1 << 20, "Request Entity Too Large: too many parameters"},
		{asMultipart, "", "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n", 1 << 20, "Request Entity Too Large: too many parameters in form data"},
		{asMultipart, "", "--", 64 << 20, "Request Entity Too Large: too many parameters in form data"},
		{asMultipart, "", "--B\r\nContent-Disposition: ", 1 << 18, "Request Header Fields Too Large: total headers size exceeded"},
		{asMultipart, "", file + strings.Repeat("x", 1<<20) + "\r\n" + file, 64 << 20, "Request Entity Too Large: file of size 66060289 is too big to be uploaded"},
		{asJSON, "gzip", "", 64 << 20, "Request Entity Too Large: file of size 67108865 is too big to be uploaded"},
	} {
		b, err := botapi.NewBody(x.contentType, x.encoding)
		require.NoError(t, err)
		require.NoError(t, b.Add([]byte(x.start)))
		piece := bytes.Repeat([]byte("x"), 1<<16)
		size := 0
		for ; err == nil && size < 1<<28; size += len(piece) {
			err = b.Add(piece)
		}
		require.EqualError(t, err, x.want, x.start)
		assert.LessOrEqual(t, size, x.most+len(piece), x.start)
	}
	b, err := botapi.NewBody("text/plain", "")
	require.NoError(t, err)
	content := make([]byte, 1<<20)
	for range 100 {
		require.NoError(t, b.Add(content), "content that is no call")
	}
}

// A mistake is found when it comes, whatever follows.
func TestAMistakeIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	b, err := botapi.NewBody(asMultipart, "")
	require.NoError(t, err)
	require.NoError(t, b.Add([]byte("--B\r\nContent-Disposition: form-data; name=\"a\r\n")))
	require.EqualError(t, b.Add([]byte("\r\n")), "Bad Request: unclosed quoted string in Content-Disposition header")
}

func TestAFileIsNoticedWhenItBegins(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ contentType, before, first, after string }{
		{"text/plain", "", "o", "k"},
		{"", "", "o", "k"},
		{asMultipart, "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; name=b; filename=c\r\n\r", "\n", "content\r\n--B--"},
		{asMultipart, "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--\r\n", "", ""},
		{asJSON, `{}`, "", ""},
	} {
		b, err := botapi.NewBody(x.contentType, "")
		require.NoError(t, err)
		require.NoError(t, b.Add([]byte(x.before)))
		assert.False(t, b.InFile(), "before %q", x.first)
		require.NoError(t, b.Add([]byte(x.first)))
		assert.Equal(t, x.first != "", b.InFile(), "after %q", x.first)
		require.NoError(t, b.Add([]byte(x.after)))
		_, _, err = b.End()
		require.NoError(t, err, x.before)
	}
	b, err := botapi.NewBody(asMultipart, "gzip")
	require.NoError(t, err)
	require.NoError(t, b.Add([]byte(gzipped(parts("Content-Disposition: form-data; name=b; filename=c\n\n1")))))
	_, _, err = b.End()
	require.NoError(t, err)
	assert.True(t, b.InFile(), "after the end of a packed body")
}

func TestAnEmptyMultipartAnswerHasNoEnd(t *testing.T) {
	t.Parallel()
	_, _, err := answered(asMultipart, "", "", 1)
	assert.EqualError(t, err, "Bad Request: unexpected end of request content")
}

func TestTheBeginningOfABodyIsKept(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 200_000)
	for _, x := range []struct{ contentType, body, packed, want string }{
		{asJSON, `{"a":"1"}`, "", `{"a":"1"}`},
		{"text/plain", long, gzipped(long), long[:300]},
		{asMultipart, parts("Content-Disposition: form-data; name=a; filename=b\n\n" + long), "", parts("Content-Disposition: form-data; name=a; filename=b\n\n" + long)[:300]},
	} {
		for _, packed := range []string{x.body, x.packed} {
			encoding := "gzip"
			if packed == x.body {
				encoding = ""
			} else if packed == "" {
				continue
			}
			b, err := botapi.NewBody(x.contentType, encoding)
			require.NoError(t, err)
			require.NoError(t, b.Add([]byte(packed)))
			_, _, err = b.End()
			require.NoError(t, err)
			assert.Equal(t, x.want, b.Excerpt(), x.contentType)
		}
	}
}

func TestRepliesCallNothingThatTelegramWouldNotExecute(t *testing.T) {
	t.Parallel()
	for method, executed := range map[string]bool{
		"sendMessage": true, "SENDMESSAGE": true, "nonsense": true, "closeForumTopic": true, "logOutNow": true, "targetChat": true,
		"": false, "setWebhook": false, "setwebhook": false, "deleteWebhook": false, "close": false, "Close": false,
		"logOut": false, "getMe": false, "GetUpdates": false, "get": false,
	} {
		p, _, err := answered(asForm, "", "a=1&method="+method, 3)
		want := values{}
		if executed {
			want["a"] = "1"
		} else {
			method = ""
		}
		require.NoErrorf(t, err, "%v %v %v", p.Method, p.Values, method)
		assert.Equal(t, method, p.Method)
		assert.Equal(t, want, p.Values, method)
		assert.NotNil(t, p.Values, method)
	}
}

func TestARequestIsQuotedAsTelegramQuotesIt(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		target, body string
		lasting      bool
		want         string
	}{
		{"/", "", true, "GET:/:keep-alive\nhost=x\n"},
		{"/a%20b+c?d=e+f&d=%31#g", "", false, "GET:/a b+c:[d:e f]:[d:1#g]\nhost=x\n"},
		{"/a#b?c=d", "", false, "GET:/a\nhost=x\n"},
		{"/?", "h=i&h=j&k", false, "GET:/:[h:i]:[h:j]:[k:]\nhost=x\n"},
	} {
		b, err := botapi.NewBody(asForm, "")
		require.NoError(t, err)
		require.NoError(t, b.Add([]byte(x.body)))
		_, _, err = b.End()
		require.NoError(t, err)
		got := botapi.RequestText("GET", x.target, b.Pairs(), [][2]string{{"host", "x"}}, x.lasting)
		assert.Equal(t, x.want+"BEGIN CONTENT\nEND CONTENT\n", got, fmt.Sprint(x.target, x.body))
	}
}

// However a body comes, it is the same.
func FuzzABodyIsTheSameInWhateverPieces(f *testing.F) {
	f.Add(parts("Content-Disposition: form-data; name=a\n\n1", "Content-Disposition: form-data; name=b; filename=c\n\n2"), uint8(1))
	f.Add("--B\r\n\r\n--B--", uint8(2))
	f.Fuzz(func(t *testing.T, body string, size uint8) {
		for _, contentType := range []string{asMultipart, asJSON, asForm, ""} {
			p, overlooked, err := answered(contentType, "", body, len(body))
			q, same, failure := answered(contentType, "", body, int(size)+1)
			assert.Equal(t, err, failure)
			assert.Equal(t, overlooked, same)
			assert.Equal(t, p, q)
		}
	})
}
