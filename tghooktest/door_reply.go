package tghooktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

// How replies are sent.
var replyCases = []doorCase{
	{"a reply is sent as application/json, byte for byte", anyDoor, replyBytes},
	{"an update without a reply is answered 200 with an empty body", anyDoor, emptyAnswer},
	{"a reply of nearly 1 MiB arrives whole", anyDoor, largeReply},
	{"a reply with files is multipart as Telegram reads it", anyDoor, fileReply},
	{"a method that Telegram does not execute from a response goes to Caller", anyDoor, callerReply},
	{"a redelivery gets the same reply without a run", anyDoor, replayedReply},
	{"a reply beside an error is not sent, and the answer is 500", anyDoor, errorBesideReply},
	{"Retry-After is a whole number of seconds, bounded by the kind of update", anyDoor, retryAfter},
}

func replyBytes(c *trial) {
	k := c.mount(replying(tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": int64(-1001234567890), "text": "<b>\u00e9\u2028\"\\\n\U0001F389</b>", "reply_markup": map[string]any{"keyboard": []any{}},
	}}, nil))
	k.answers(textUpdate(1, 1, "hi"), `200 application/json {"method":"sendMessage","chat_id":-1001234567890,"reply_markup":{"keyboard":[]},"text":"\u003cb\u003e`+
		"\u00e9"+`\u2028\"\\\n`+"\U0001F389"+`\u003c/b\u003e"}`)
	bare := c.mount(replying(tghook.Reply{Method: "leaveChat"}, nil))
	bare.answers(textUpdate(1, 1, "hi"), `200 application/json {"method":"leaveChat"}`)
}

func emptyAnswer(c *trial) {
	k := c.mount(nothing)
	k.answers(textUpdate(1, 1, "hi"), "200")
	k.ran(1)
	if v := k.observed(); v.Outcome != tghook.OutcomeHandled || v.Status != http.StatusOK || v.Attempt != 1 {
		k.Errorf("Observe got %+v, want the outcome handled with status 200 at attempt 1", v)
	}
	if s := k.webhook.Stats(); s.InFlight+s.Lanes+s.Failed+s.Unacknowledged != 0 || s.Remembered != 1 {
		k.Errorf("the webhook's Stats: got %+v, want one update remembered and nothing else", s)
	}
}

func largeReply(c *trial) {
	const frame = `{"method":"sendMessage","text":""}`
	for i, size := range []int{3 << 10, 70 << 10, 1 << 20} {
		text := strings.Repeat("y", size-len(frame))
		k := c.mount(replying(tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": text}}, nil))
		k.same(fmt.Sprintf("the answer with a reply of %d bytes", size), k.post(textUpdate(int64(i), 1, "hi")),
			`200 application/json {"method":"sendMessage","text":"`+text+`"}`)
	}
}

// binary returns data with every byte, and with text that looks like a boundary or a line's
// end.
func binary() []byte {
	all := []byte("\r\n--\r\n")
	for b := range 256 {
		all = append(all, byte(b))
	}
	return bytes.Repeat(all, 300)
}

func fileReply(c *trial) {
	type media struct {
		Type  string      `json:"type"`
		Media tghook.File `json:"media"`
	}
	k := c.mount(replying(tghook.Reply{Method: "sendMediaGroup", Params: map[string]any{
		"chat_id": 7,
		"media": []media{
			{"document", tghook.File{Name: "a.bin", Body: bytes.NewReader(binary())}},
			{"document", tghook.File{Name: "b.txt", Body: strings.NewReader("second")}},
		},
	}}, nil))
	res, err := k.exchange(k.Context(), strings.NewReader(textUpdate(1, 1, "hi")))
	if err != nil || res.status != http.StatusOK {
		k.Fatalf("the answer: got %s (error: %v), want 200", short(res.String()), err)
	}
	fields, files := k.parts(res)
	var group []struct {
		Media string `json:"media"`
	}
	if err := json.Unmarshal([]byte(fields["media"]), &group); err != nil || len(group) != 2 {
		k.Fatalf("the part media: got %q (error: %v), want an array of two", fields["media"], err)
	}
	k.same("the part method", fields["method"], "sendMediaGroup")
	k.same("the part chat_id", fields["chat_id"], "7")
	for i, want := range []string{"a.bin " + string(binary()), "b.txt second"} {
		name, ok := strings.CutPrefix(group[i].Media, "attach://")
		if !ok {
			k.Errorf("the reference to file %d: got %q, want attach:// and the name of a part", i, group[i].Media)
		}
		k.same(fmt.Sprintf("file %d", i), files[name], want)
	}
}

// parts returns the fields of a multipart answer, and the names and contents of its files,
// by part name.
func (k *hook) parts(res received) (fields, files map[string]string) {
	k.Helper()
	mediaType, params, err := mime.ParseMediaType(strings.Join(res.header.Values("Content-Type"), ", "))
	if boundary := params["boundary"]; err != nil || mediaType != "multipart/form-data" || boundary == "" || len(boundary) > 70 {
		k.Fatalf("Content-Type: got %q, want multipart/form-data with a boundary of at most 70 characters", res.header.Values("Content-Type"))
	}
	fields, files = map[string]string{}, map[string]string{}
	for parts := multipart.NewReader(bytes.NewReader(res.body), params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return fields, files
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(part)
		}
		switch {
		case err != nil:
			k.Fatalf("read the multipart body: %v", err)
		case part.FileName() != "":
			files[part.FormName()] = part.FileName() + " " + string(content)
		default:
			fields[part.FormName()] = string(content)
		}
	}
}

func callerReply(c *trial) {
	k := c.mount(replying(tghook.Reply{Method: "getChat", Params: map[string]any{"chat_id": 7}}, nil))
	k.answers(textUpdate(1, 1, "hi"), "200")
	k.same("the call", await(c, k.calls, "the call of getChat"), `getChat{"chat_id":7}`)
	k.ran(1)
}

func replayedReply(c *trial) {
	k := c.mount(replying(hello, nil))
	for range 3 {
		k.answers(textUpdate(1, 1, "hi"), helloAnswer)
	}
	k.ran(1)
}

var errBroken = errors.New("broken")

func errorBesideReply(c *trial) {
	k := c.mount(replying(hello, errBroken))
	k.answers(textUpdate(1, 1, "hi"), "500")
	k.ran(1)
}

func retryAfter(c *trial) {
	query := func(kind string) string {
		return "{\"update_id\":1,\n\"" + kind + `":{"id":"1","from":{"id":1,"is_bot":false,"first_name":"A"}}}`
	}
	text := textUpdate(1, 1, "hi")
	for _, x := range []struct {
		update string
		after  time.Duration
		want   string
	}{
		{text, 0, "503 after 1"},
		{text, 1100 * time.Millisecond, "503 after 2"},
		{text, 90 * time.Second, "503 after 90"},
		{text, 24 * time.Hour, "503 after 3600"},
		{query("inline_query"), 90 * time.Second, "503 after 3"},
		{query("callback_query"), 90 * time.Second, "503 after 15"},
	} {
		k := c.mount(replying(hello, tghook.RetryAfter(x.after, errBroken)))
		k.same(fmt.Sprintf("the answer to %.60q with RetryAfter(%v)", x.update, x.after), k.post(x.update), x.want)
		k.ran(1)
	}
}
