package outlet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/internal/botapi"
)

const (
	applicationJSON = "application/json"
	applicationForm = "application/x-www-form-urlencoded"
)

func TestReplies(t *testing.T) {
	large := strings.Repeat("<", 200<<10) // encoding/json makes six bytes of each
	for _, test := range []struct {
		contentType, body string
		params            string // JSON; empty if there is no reply
		refused           string // a part
	}{
		{applicationJSON, `{"method":"sendMessage","chat_id":12345678901234567890,"reply_markup":{"a":[1.50,null,"\u00fc"]},"x":true}`, `{"chat_id":12345678901234567890,"reply_markup":{"a":[1.50,null,"\u00fc"]},"x":true}`, ""},
		{"Text/X+APPLICATION/JSON; charset=utf-8", `{"method":"sendMessage"}`, `{}`, ""},
		{applicationJSON, `{"method":"sendMessage","text":"a","text":"b","method":"sendPhoto"}`, `{"text":"a"}`, ""},
		{applicationJSON, `{"method":"sendMessage","text":null}`, `{"text":null}`, ""},
		{applicationJSON, `{"method":"sendMessage","ChatID":1,"Method":"x","text":"a"}`, `{"text":"a"}`, ""},
		{applicationJSON, ` {"text":"x","method":"sendMessage"} `, `{"text":"x"}`, ""},
		{applicationForm, `method=sendMessage&chat_id=1&text=a+b%26c&text=2&%zz=1`, `{"chat_id":"1","text":"a b&c","%zz":"1"}`, ""},
		{applicationForm, `a&&=1&method=sendMessage`, `{"a":""}`, ""},
		// no call
		{applicationJSON, ``, "", ""},
		{applicationJSON, `ok`, "", ""},
		{applicationJSON, `"ok"`, "", ""},
		{applicationJSON, `[{"method":"sendMessage"}]`, "", ""},
		{applicationJSON, `{"ok":true}`, "", ""},
		{applicationJSON, `{"method":""}`, "", ""},
		{"text/json", `{"method":"sendMessage"}`, "", ""},
		{"application/vnd.api+json", `{"method":"sendMessage"}`, "", ""},
		{"text/plain", `{"method":"sendMessage"}`, "", ""},
		{"", `{"method":"sendMessage"}`, "", ""},
		{applicationForm, ``, "", ""},
		// refused
		{applicationJSON, `{"method":"getMe"}`, "", "the method getMe is not executed"},
		{applicationJSON, `{"method":"GETchat"}`, "", "the method GETchat is not executed"},
		{applicationJSON, `{"method":"DeleteWebhook"}`, "", "the method DeleteWebhook is not executed"},
		{applicationJSON, `{"method":"setWebhook","url":"x"}`, "", "the method setWebhook is not executed"},
		{applicationJSON, `{"method":"close"}`, "", "the method close is not executed"},
		{applicationForm, `method=logOut`, "", "the method logOut is not executed"},
		{applicationJSON, `{"method":"sendMessage","text":"x`, "", "not well-formed JSON"},
		{applicationJSON, `{"method":"sendMessage"} {}`, "", "not well-formed JSON"},
		{applicationJSON, "\ufeff" + `{"method":"sendMessage"}`, "", "not well-formed JSON"},
		{applicationJSON, `{"method":5}`, "", "consists of letters"},
		{applicationJSON, `{"method":"send/../getMe"}`, "", "consists of letters"},
		{applicationJSON, `{"method":"` + strings.Repeat("a", 65) + `"}`, "", "too long a name"},
		{applicationJSON, `{"method":"sendMessage","text":"` + large + `"}`, "", "1048576"},
		{applicationForm, "method=sendMessage" + members(1001), "", "more than 1000 parameters"},
		{"multipart/form-data", "x", "", "no boundary"},
		{"multipart/form-data; boundary=x", "x", "", "not well-formed multipart"},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", "", "has no name"},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1", "", "not well-formed multipart"},
	} {
		reply, method, refused := outlet.ReadCall(test.contentType, []byte(test.body))
		if test.refused != "" {
			require.Contains(t, refused, test.refused)
			require.Equal(t, tghook.NoReply, reply)
			continue
		}
		require.Empty(t, refused, test.body)
		require.Equal(t, method, reply.Method)
		if test.params == "" {
			require.Equal(t, tghook.NoReply, reply, test.body)
			continue
		}
		require.Equal(t, "sendMessage", method)
		encoded, err := json.Marshal(reply.Params)
		require.NoError(t, err)
		require.JSONEq(t, test.params, string(encoded))
		if strings.Contains(test.body, "12345678901234567890") {
			require.Contains(t, string(encoded), `"chat_id":12345678901234567890`)
			require.Contains(t, string(encoded), `1.50`)
		}
	}
}

func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "&a%d=", i)
	}
	return b.String()
}

// part is a part of a multipart body.
type part struct{ disposition, content string }

func multipartBody(t testing.TB, all ...part) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range all {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {"form-data; " + p.disposition}})
		require.NoError(t, err)
		_, _ = io.WriteString(part, p.content)
	}
	require.NoError(t, w.Close())
	return w.FormDataContentType(), b.Bytes()
}

// sent returns the parts that a Client would send for a reply.
func sentBy(t *testing.T, r tghook.Reply) (parts []string) {
	t.Helper()
	body, err := botapi.NewEncoder[tghook.File]().Encode(r.Method, r.Params)
	require.NoError(t, err)
	_, boundary, _ := strings.Cut(botapi.ContentType(body), "boundary=")
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		p, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			slices.Sort(parts)
			return parts
		}
		require.NoError(t, err)
		content, err := io.ReadAll(p)
		require.NoError(t, err)
		parts = append(parts, p.FormName()+"|"+p.FileName()+"|"+string(content))
	}
}

func TestRepliesWithFiles(t *testing.T) {
	contentType, body := multipartBody(t,
		part{`name="method"`, "sendMediaGroup"},
		part{`name="method"`, "sendPhoto"},
		part{`name="chat_id"`, "1"},
		part{`name="chat_id"`, "2"},
		part{`name="media"`, `[{"type":"photo","media":"attach://Photo%201","n":12345678901234567890},{"type":"photo","media":"attach://missing"}]`},
		part{`name="Photo%25201"; filename="50%25 off%2.jpg"`, "JPEG"},
		part{`name="Photo%25201"; filename="other"`, "second"},
		part{`name="thumbnail"; filename=""`, "T"},
	)
	reply, method, refused := outlet.ReadCall(contentType, body)
	require.Empty(t, refused)
	require.Equal(t, "sendMediaGroup", method)
	params := reply.Params.(map[string]any)
	require.Equal(t, "1", params["chat_id"])
	require.Len(t, params, 3)
	for range 2 { // a reply may be sent again
		parts := sentBy(t, reply)
		require.Len(t, parts, 5)
		all := strings.Join(parts, "\n")
		require.Contains(t, all, "method||sendMediaGroup")
		require.Contains(t, all, `"n":12345678901234567890`)
		require.Contains(t, all, `"media":"attach://missing"`)
		require.Contains(t, all, "|50%25 off%252.jpg|JPEG")
		require.Contains(t, all, "thumbnail|thumbnail|T")
		require.NotContains(t, all, "second")
	}
}

func TestAFileInThePlaceOfItsName(t *testing.T) {
	contentType, body := multipartBody(t,
		part{`name="document"`, "attach://A"},
		part{`name="A"; filename="a.txt"`, "content"},
		part{`name="caption"`, "attach://A is a text"},
		part{`name="method"`, "sendDocument"},
	)
	reply, _, refused := outlet.ReadCall(contentType, body)
	require.Empty(t, refused)
	require.Equal(t, []string{"caption||attach://A is a text", "document|a.txt|content", "method||sendDocument"}, sentBy(t, reply))
}

func TestLargeTexts(t *testing.T) {
	contentType, body := multipartBody(t, part{`name="method"`, "sendMessage"}, part{`name="a"`, strings.Repeat("x", 600<<10)}, part{`name="b"`, strings.Repeat("x", 600<<10)})
	_, _, refused := outlet.ReadCall(contentType, body)
	require.Contains(t, refused, "the parameters of the answer have more than 1048576 bytes")
}

func TestManyParts(t *testing.T) {
	all := slices.Repeat([]part{{`name="a"`, ""}}, 1001)
	contentType, body := multipartBody(t, all...)
	_, _, refused := outlet.ReadCall(contentType, body)
	require.Equal(t, "the answer has more than 1000 parts", refused)
}

// FuzzReadCall looks for a body that makes a reply which a Client does not take.
func FuzzReadCall(f *testing.F) {
	contentType, body := multipartBody(f, part{`name="method"`, "sendMediaGroup"}, part{`name="media"`, `[{"media":"attach://a"}]`}, part{`name="a"; filename="b"`, "c"})
	f.Add(contentType, body)
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=method\r\n\r\nsendPhoto\r\n--x--"))
	f.Add(applicationJSON, []byte(`{"method":"sendMessage","chat_id":1,"text":"<\u2028"}`))
	f.Add(applicationForm, []byte("method=sendMessage&text=%zz+"))
	encoder := botapi.NewEncoder[tghook.File]()
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		reply, method, refused := outlet.ReadCall(contentType, body)
		if reply.Method == "" {
			require.Equal(t, tghook.NoReply, reply)
			return
		}
		require.Empty(t, refused)
		require.Equal(t, method, reply.Method)
		lower := strings.ToLower(method)
		require.False(t, strings.HasPrefix(lower, "get") || lower == "close" || lower == "logout" || strings.HasSuffix(lower, "webhook") && (lower == "setwebhook" || lower == "deletewebhook"))
		_, err := encoder.Encode(reply.Method, reply.Params)
		require.NoError(t, err)
	})
}
