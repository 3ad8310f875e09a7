package tghook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// part is one of a multipart body.
type part struct {
	name, file, content string
	header              []string // the names of its header fields
}

// partsOf reads a multipart answer as Telegram would.
func partsOf(t *testing.T, res tghook.Response) []part {
	t.Helper()
	mediaType, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/form-data" || len(params) != 1 || len(res.Header) != 2 {
		t.Fatalf("header %v (%v), want a multipart/form-data with its boundary alone", res.Header, err)
	}
	assert.Equal(t, []string{"none"}, res.Header["Content-Encoding"], "Content-Encoding")
	boundary := params["boundary"]
	if len(boundary) == 0 || len(boundary) > 70 {
		t.Errorf("the boundary has %d characters, want 1 to 70", len(boundary))
	}
	if !bytes.HasPrefix(res.Body, []byte("--"+boundary+"\r\n")) || !bytes.HasSuffix(res.Body, []byte("\r\n--"+boundary+"--\r\n")) {
		t.Errorf("the body does not begin and end with its boundary")
	}
	var all []part
	for r := multipart.NewReader(bytes.NewReader(res.Body), boundary); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		content, err := io.ReadAll(p)
		require.NoError(t, err)
		all = append(all, part{telegramName(t, p.FormName()), telegramName(t, p.FileName()), string(content), slices.Sorted(maps.Keys(p.Header))})
	}
}

// telegramName is a name in the header of a part as Telegram reads it. tghook writes no
// percent sign that it does not escape.
func telegramName(t *testing.T, name string) string {
	t.Helper()
	decoded, err := url.PathUnescape(name)
	require.NoErrorf(t, err, "name %q", name)
	return decoded
}

// rides returns the parts that a reply is answered with.
func rides(t *testing.T, reply tghook.Reply) []part {
	t.Helper()
	res, err := answerWith(t, reply)
	require.NoError(t, err)
	return partsOf(t, res)
}

// dangling is what a reference looks like.
var (
	// ours are the names of parts that the library chose: in a response, and in
	// what a Caller is given.
	ours     = regexp.MustCompile(`^(tghook|file[0-9a-f]{16}$)`)
	dangling = regexp.MustCompile(`attach://(tghook[0-9A-Z]{8}|file[0-9a-f]{16})`)
)

// resolved spells parts out: fields as name=text, files as name:file=content. What
// refers to a file is replaced by that file, for the names of references are the
// library's own.
func resolved(t *testing.T, parts []part) (all []string) {
	t.Helper()
	for _, p := range parts {
		if p.file != "" && ours.MatchString(p.name) {
			continue
		}
		text := p.content
		for _, file := range parts {
			if ref := "attach://" + file.name; ours.MatchString(file.name) {
				text = strings.ReplaceAll(text, ref, "<"+file.file+":"+file.content+">")
			}
		}
		assert.Falsef(t, dangling.MatchString(text), "%s=%s refers to no part", p.name, text)
		if p.file != "" {
			all = append(all, p.name+":"+p.file+"="+text)
		} else {
			all = append(all, p.name+"="+text)
		}
	}
	return all
}

func file(name, content string) tghook.File {
	return tghook.File{Name: name, Body: strings.NewReader(content)}
}

type media struct {
	Type  string       `json:"type"`
	Media tghook.File  `json:"media"`
	Thumb *tghook.File `json:"thumbnail,omitempty"`
}

// photoFields is embedded, and not exported.
type photoFields struct {
	Photo tghook.File `json:"photo"`
}

func TestFilesRideAsParts(t *testing.T) {
	t.Parallel()
	thumb, single := file("t.jpg", "THUMB"), file("t.jpg", "THUMB")
	same := file("same.jpg", "SAME")
	sameBody := strings.NewReader("BODY")
	for _, c := range []struct {
		name   string
		params any
		want   []string
	}{
		{
			"in a struct",
			struct {
				ChatID int64       `json:"chat_id"`
				Photo  tghook.File `json:"photo"`
			}{42, file("a.jpg", "AAA")},
			[]string{"method=m", "chat_id=42", "photo:a.jpg=AAA"},
		},
		{"in a map", map[string]any{"chat_id": 42, "photo": file("a.jpg", "AAA")}, []string{"method=m", "chat_id=42", "photo:a.jpg=AAA"}},
		{"in a map of files", map[string]tghook.File{"photo": file("a.jpg", "AAA")}, []string{"method=m", "photo:a.jpg=AAA"}},
		{"by pointer", map[string]any{"photo": &single}, []string{"method=m", "photo:t.jpg=THUMB"}},
		{"in a pointer to a struct", &photoFields{file("a.jpg", "AAA")}, []string{"method=m", "photo:a.jpg=AAA"}},
		{"in an embedded struct", struct{ photoFields }{photoFields{file("b.jpg", "BBB")}}, []string{"method=m", "photo:b.jpg=BBB"}},
		{"in an embedded pointer", struct{ *photoFields }{&photoFields{file("c.jpg", "CCC")}}, []string{"method=m", "photo:c.jpg=CCC"}},
		{
			"fields of every type",
			map[string]any{"a": true, "b": 1.5, "c": []int{1, 2}, "d": map[string]any{"x": nil}, "e": "line\n\"\u00e9\"\U0001f680", "f": nil, "g": "", "photo": file("a.jpg", "AAA")},
			[]string{"method=m", "a=true", "b=1.5", "c=[1,2]", `d={"x":null}`, "e=line\n\"\u00e9\"\U0001f680", "g=", "photo:a.jpg=AAA"},
		},
		{
			"in a slice",
			map[string]any{"media": []media{{Type: "photo", Media: file("a.jpg", "AAA")}, {Type: "video", Media: file("b.mp4", "BBB"), Thumb: &thumb}}},
			[]string{"method=m", `media=[{"type":"photo","media":"<a.jpg:AAA>"},{"type":"video","media":"<b.mp4:BBB>","thumbnail":"<t.jpg:THUMB>"}]`},
		},
		{"in an array of any", map[string]any{"media": [1]any{map[string]any{"media": file("a.jpg", "AAA")}}}, []string{"method=m", `media=[{"media":"<a.jpg:AAA>"}]`}},
		{
			"the same one twice, nested",
			map[string]any{"media": []media{{Type: "photo", Media: same}, {Type: "video", Media: same}}},
			[]string{"method=m", `media=[{"type":"photo","media":"<same.jpg:SAME>"},{"type":"video","media":"<same.jpg:SAME>"}]`},
		},
		{
			"the same one twice, at the top",
			map[string]any{"photo": tghook.File{Name: "s", Body: sameBody}, "thumbnail": tghook.File{Name: "s", Body: sameBody}},
			[]string{"method=m", "photo=<s:BODY>", "thumbnail=<s:BODY>"},
		},
		{
			"two of one name",
			map[string]any{"a": file("x", "ONE"), "b": file("x", "TWO"), "c": []any{file("x", "THREE"), file("x", "FOUR")}},
			[]string{"method=m", "a:x=ONE", "b:x=TWO", `c=["<x:THREE>","<x:FOUR>"]`},
		},
		{"an empty one", map[string]any{"photo": file("empty", "")}, []string{"method=m", "photo:empty="}},
		{"bytes of every value", map[string]any{"photo": file("x", "\x00\xff\r\n--\r\n\"")}, []string{"method=m", "photo:x=\x00\xff\r\n--\r\n\""}},
		{
			"text that looks like a reference",
			map[string]any{"photo": file("x", "1"), "caption": "attach://photo", "t": "attach://tghook"},
			[]string{"method=m", "caption=attach://photo", "photo:x=1", "t=attach://tghook"},
		},
		{
			"beside a File that is left out",
			struct {
				Photo tghook.File  `json:"photo"`
				Left  tghook.File  `json:"-"`
				None  *tghook.File `json:"none"`
				Zero  tghook.File  `json:"zero,omitzero"`
			}{Photo: file("x", "1"), Left: tghook.File{Name: "y", Body: iotest.ErrReader(errors.New("read"))}},
			[]string{"method=m", "photo:x=1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			parts := rides(t, tghook.Reply{Method: "m", Params: c.params})
			got := resolved(t, parts)
			assert.Equalf(t, c.want, got, "got  %q\nwant %q", got, c.want)
			for _, p := range parts {
				want := []string{"Content-Disposition"}
				if p.file != "" {
					want = append(want, "Content-Type")
				}
				assert.Equalf(t, want, p.header, "part %s has header %q, want %q", p.name, p.header, want)
			}
			assert.Len(t, slices.CompactFunc(parts, func(a, b part) bool { return a.file != "" && a.name == b.name }), len(parts), "a file is there twice")
		})
	}
}

func TestWithoutAFileTheReplyIsJSON(t *testing.T) {
	t.Parallel()
	params := struct {
		Photo *tghook.File `json:"photo"`
		Left  tghook.File  `json:"-"`
	}{Left: file("x", "1")}
	res, err := answerWith(t, tghook.Reply{Method: "m", Params: params})
	if string(res.Body) != `{"method":"m"}` || err != nil {
		t.Errorf("got %s (%v)", res.Body, err)
	}
}

// valueReader is a reader that is no pointer: comparable, or not.
type valueReader struct{ *strings.Reader }

type bytesReader struct {
	*bytes.Reader
	_ []byte
}

func TestAReaderMayBeAStructAsLongAsItIsComparable(t *testing.T) {
	t.Parallel()
	parts := rides(t, tghook.Reply{Method: "m", Params: map[string]any{"photo": tghook.File{Name: "x", Body: valueReader{strings.NewReader("1")}}}})
	assert.Equal(t, []string{"method=m", "photo:x=1"}, resolved(t, parts))
	err := unsendable(t, tghook.Reply{Method: "m", Params: map[string]any{"photo": tghook.File{Name: "x", Body: bytesReader{Reader: bytes.NewReader([]byte("1"))}}}})
	if !strings.Contains(err.Error(), "bytesReader") || !strings.Contains(err.Error(), "pointer") {
		t.Errorf("%q names neither the type nor the remedy", err)
	}
}

func TestAFileWithoutABodyIsADeadLetter(t *testing.T) {
	t.Parallel()
	for _, params := range []any{map[string]any{"photo": tghook.File{Name: "x"}}, map[string]any{"photo": &tghook.File{}}, []tghook.File{{}}, photoFields{}} {
		assert.Contains(t, unsendable(t, tghook.Reply{Method: "m", Params: params}).Error(), "File.Body is nil")
	}
}

// Without a file name Telegram takes a part for text.
func TestAFileWithoutANameIsGivenOne(t *testing.T) {
	t.Parallel()
	parts := rides(t, tghook.Reply{Method: "m", Params: map[string]any{"photo": file("", "1"), "media": []any{file("", "2")}}})
	var contents []string
	for _, p := range parts {
		if p.file != "" {
			contents = append(contents, p.content)
		}
	}
	slices.Sort(contents)
	assert.Equalf(t, []string{"1", "2"}, contents, "parts %+v, want two files", parts)
}

// Names come from users, and must stay within their quotes.
func TestOddNamesDoNotBreakOutOfTheirPart(t *testing.T) {
	t.Parallel()
	const smuggled = "\"\r\nContent-Type: text/html\r\n\r\nsmuggled\r\n--"
	for _, name := range []string{
		"a\"b", `a\b`, `a\"; name="method`, "a\r\nb", "a\nb", "a" + smuggled, "\u00fcber \U0001f680.txt", "a;b=c", "'", "%0d%0a", strings.Repeat("n", 5000), "\xff\xfe", "a\x00b", " ",
	} {
		t.Run(fmt.Sprintf("%.20q", name), func(t *testing.T) {
			t.Parallel()
			parts := rides(t, tghook.Reply{Method: "m", Params: map[string]any{"chat_id": 1, "photo": file(name, "CONTENT"), "k" + strings.ToLower(name): "text"}})
			require.Lenf(t, parts, 4, "%d parts, want 4", len(parts))
			files := 0
			for i, p := range parts {
				if i > 0 && p.name == "method" || i == 0 && (p.name != "method" || p.content != "m") {
					t.Errorf("part %d is %s=%s", i, p.name, p.content)
				}
				if slices.Contains(p.header, "Content-Type") != (p.content == "CONTENT") || len(p.header) > 2 || strings.Contains(p.content, "smuggled") {
					t.Errorf("part %d broke out: header %q, content %q", i, p.header, p.content)
				}
				if p.content == "CONTENT" {
					files++
				}
			}
			assert.Equalf(t, 1, files, "%d files, want one", files)
		})
	}
}

// A file that cannot be read now may be readable when the update comes again.
func TestAFailingReaderIs500AndTheHandlerRunsAgain(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	broken := map[string]func() io.Reader{
		"at once":       func() io.Reader { return iotest.ErrReader(cause) },
		"in the middle": func() io.Reader { return io.MultiReader(strings.NewReader("half"), iotest.ErrReader(cause)) },
		"at the end": func() io.Reader {
			return iotest.DataErrReader(io.MultiReader(strings.NewReader("all"), iotest.ErrReader(cause)))
		},
	}
	for name, body := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs atomic.Int64
			dead := &letters{}
			w, seen := hookFor(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
				f := file("x", "whole")
				if runs.Add(1) == 1 {
					f.Body = body()
				}
				return tghook.Reply{Method: "m", Params: map[string]any{"photo": f}}, nil
			}, func(cfg *tghook.Config) { cfg.Dispatch.DeadLetter = dead.take })
			if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))); res.Status != 500 || len(res.Body) > 0 || res.Header != nil {
				t.Errorf("got %d %v %q, want 500 alone", res.Status, res.Header, res.Body)
			}
			if v := seen.only(t); v.Outcome != tghook.OutcomeFailed || !errors.Is(v.Err, cause) || !strings.Contains(v.Err.Error(), `"x"`) {
				t.Errorf("Observe was told %+v, want the failure of x", v)
			}
			if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))); res.Status != 200 || !bytes.Contains(res.Body, []byte("whole")) {
				t.Errorf("the redelivery: got %d %q, want the file", res.Status, res.Body)
			}
			if all := seen.list(); all[1].Attempt != 2 || len(dead.all) > 0 {
				t.Errorf("attempt %d, dead letters %v, want the second attempt and none", all[1].Attempt, dead.all)
			}
		})
	}
}

type panickyReader struct{}

func (*panickyReader) Read([]byte) (int, error) { panic("reader") }

func TestAPanickingReaderIs500(t *testing.T) {
	t.Parallel()
	w, seen := hookFor(t, replying(tghook.Reply{Method: "m", Params: map[string]any{"photo": tghook.File{Body: &panickyReader{}}}}, nil))
	assert.Equal(t, 500, w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))).Status)
	var panicked *tghook.PanicError
	if v := seen.only(t); !errors.As(v.Err, &panicked) {
		t.Errorf("Observe was told %+v, want the panic", v)
	}
}

func TestFiftyFilesPassAndNotOneMore(t *testing.T) {
	t.Parallel()
	many := func(n int) tghook.Reply {
		all := make([]tghook.File, n)
		for i := range all {
			all[i] = file("x", strconv.Itoa(i))
		}
		return tghook.Reply{Method: "m", Params: map[string]any{"media": all}}
	}
	assert.Len(t, rides(t, many(50)), 52)
	if err := unsendable(t, many(51)); !strings.Contains(err.Error(), "51") || !strings.Contains(err.Error(), "50") {
		t.Errorf("%q does not say how many there are and may be", err)
	}
}

func TestFiftyMebibytesOfFilesPassAndNotOneByteMore(t *testing.T) {
	t.Parallel()
	const most = 50 << 20
	two := func(first, second io.Reader) tghook.Reply {
		return tghook.Reply{Method: "m", Params: map[string]any{"a": tghook.File{Name: "a", Body: first}, "b": tghook.File{Name: "b", Body: second}}}
	}
	half := func(n int64) io.Reader { return io.LimitReader(&endless{}, n) }
	if res, err := answerWith(t, two(half(most/2), half(most/2))); err != nil || len(res.Body) < most {
		t.Errorf("got %d bytes (%v), want 50 MiB and more", len(res.Body), err)
	}
	for name, reply := range map[string]tghook.Reply{
		"one byte more": two(half(most/2), half(most/2+1)),
		"without end":   two(half(10), &endless{}),
	} {
		assert.Contains(t, unsendable(t, reply).Error(), strconv.Itoa(most), name)
	}
}

// The text beside files has the bound of a JSON reply.
func TestFieldsBesideFilesHaveABoundOfTheirOwn(t *testing.T) {
	t.Parallel()
	over := map[string]any{"photo": file("x", "1"), "text": strings.Repeat("x", 1<<20)}
	unsendable(t, tghook.Reply{Method: "m", Params: over})
	inside := map[string]any{"photo": file("x", "1"), "text": strings.Repeat("x", 1<<20-len("method"+"m"+"text"))}
	assert.Len(t, rides(t, tghook.Reply{Method: "m", Params: inside}), 3)
}

// secretive hides a File from everything but encoding/json.
type secretive struct{ file tghook.File }

func (s secretive) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"media": s.file})
}

func TestAFileOutOfReachIsADeadLetterThatSaysSo(t *testing.T) {
	t.Parallel()
	f := file("x", "1")
	inText, err := json.Marshal([]media{{Type: "photo", Media: f}})
	require.NoError(t, err)
	for name, params := range map[string]any{
		"behind a Marshaler":         secretive{f},
		"behind a Marshaler, nested": map[string]any{"media": []any{secretive{f}}},
		"in a text of JSON":          map[string]any{"media": string(inText)},
		"in raw JSON":                json.RawMessage(`{"media":` + string(inText) + `}`),
		"beside one within reach":    map[string]any{"photo": file("y", "2"), "media": secretive{f}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := unsendable(t, tghook.Reply{Method: "m", Params: params}); !strings.Contains(err.Error(), "File") || !strings.Contains(err.Error(), "exported field") {
				t.Errorf("%q does not say what to do", err)
			}
		})
	}
	// Where the JSON and the File are both there, the text finds its part.
	parts := rides(t, tghook.Reply{Method: "m", Params: struct {
		Media json.RawMessage `json:"media"`
		Files []tghook.File   `json:"files"`
	}{inText, []tghook.File{f}}})
	if got := resolved(t, parts); len(got) != 3 || got[1] != `media=[{"type":"photo","media":"<x:1>"}]` {
		t.Errorf("got %q", got)
	}
}

type fileList []tghook.File

// encoding/json leaves an embedded type out that is neither exported nor a
// struct, and so must the search for files.
func TestFilesThatJSONLeavesOutAreLeftOut(t *testing.T) {
	t.Parallel()
	params := struct {
		fileList
		Photo tghook.File `json:"photo"`
	}{fileList{file("hidden", "0")}, file("x", "1")}
	assert.Equal(t, []string{"method=m", "photo:x=1"}, resolved(t, rides(t, tghook.Reply{Method: "m", Params: params})))
}

type ring struct {
	Photo tghook.File `json:"photo"`
	Next  *ring       `json:"-"`
	All   map[string]any
}

func TestAHiddenCycleOfPointersDoesNotHurt(t *testing.T) {
	t.Parallel()
	params := &ring{Photo: file("x", "1")}
	params.Next = &ring{Next: params, All: map[string]any{}}
	params.Next.All["self"] = params.Next.All
	assert.Equal(t, []string{"method=m", "photo:x=1"}, resolved(t, rides(t, tghook.Reply{Method: "m", Params: params})))
}

// What a Caller is given is as good as what a handler returned: to be sent, it
// is encoded once more.
func TestALateReplyWithFilesGoesByCallerAsItWouldHaveRidden(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]func() any{
		"a file":         func() any { return map[string]any{"chat_id": 5, "caption": "hi", "photo": file("a.jpg", "AAA")} },
		"without a name": func() any { return map[string]any{"photo": file("", "AAA")} },
		"odd names": func() any {
			return map[string]any{"a": file(`q"\.txt`, "1"), "b": file("\u00fc \U0001f680.txt", "2"), "c": file("a;b=c", "3"), "d": file("dir/x.txt", "4")}
		},
		"nested": func() any {
			return map[string]any{"chat_id": 5, "media": []media{{Type: "photo", Media: file("a.jpg", "AAA")}, {Type: "photo", Media: file("b.jpg", "BBB")}}}
		},
		"the same one twice": func() any {
			same := file("s.jpg", "SAME")
			return map[string]any{"photo": same, "thumbnail": same}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			late := sentLate(t, func() tghook.Reply { return tghook.Reply{Method: "sendPhoto", Params: params()} })
			assert.Equalf(t, "sendPhoto", late.method, "the Caller was given method %q", late.method)
			want := resolved(t, rides(t, tghook.Reply{Method: "sendPhoto", Params: params()}))
			res, err := answerWith(t, tghook.Reply{Method: late.method, Params: late.params})
			require.NoError(t, err, "what the Caller was given cannot be sent")
			if got := resolved(t, partsOf(t, res)); !sameButNames(got, want) {
				t.Errorf("by Caller %q\nrides %q", got, want)
			}
		})
	}
}

// sameButNames compares spelled out parts whose order is of no matter, behind
// the method; files without a name have one of the library's own.
func sameButNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	for _, all := range [][]string{a, b} {
		for i, text := range all {
			if name, rest, ok := strings.Cut(text, ":tghook"); ok {
				all[i] = name + rest[strings.LastIndex(rest, "="):]
			}
		}
	}
	if len(a) == 0 || len(b) == 0 || a[0] != b[0] {
		return false
	}
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// setWebhook with a certificate is refused in an answer, and so goes by Caller
// at once.
func TestAFileOfARefusedMethodReachesTheCaller(t *testing.T) {
	t.Parallel()
	caller := &calls{}
	reply := tghook.Reply{Method: "setWebhook", Params: map[string]any{"url": "https://bot.example.org/", "certificate": file("cert.pem", "PEM")}}
	if res, err := answerWith(t, reply, func(cfg *tghook.Config) { cfg.Dispatch.Caller = caller }); len(res.Body) > 0 || err != nil {
		t.Fatalf("answered %q (%v), want nothing", res.Body, err)
	}
	got := caller.list()
	if len(got) != 1 || got[0].method != "setWebhook" {
		t.Fatalf("the Caller was given %+v, want it once", got)
	}
	parts := resolved(t, rides(t, tghook.Reply{Method: "sendDocument", Params: got[0].params}))
	slices.Sort(parts)
	if want := []string{"certificate:cert.pem=PEM", "method=sendDocument", "url=https://bot.example.org/"}; !slices.Equal(parts, want) {
		t.Errorf("the Caller was given %q, want %q", parts, want)
	}
}

// Upload types as other libraries have them.
type (
	namedReader interface { // telego's
		io.Reader
		Name() string
	}
	telegoFile struct {
		File   namedReader
		FileID string
	}
	gotgbotFile struct {
		Name  string
		Data  io.Reader
		value string
	}
	gotgbotMedia   struct{ Media any }
	gotelegramFile struct {
		Filename string
		Data     io.Reader
	}
	gotelegramMedia struct {
		Media           string    `json:"media"`
		MediaAttachment io.Reader `json:"-"`
	}
	telebotFile struct {
		FileID     string    `json:"file_id"`
		UniqueID   string    `json:"file_unique_id"`
		FileLocal  string    `json:"file_local"`
		FileReader io.Reader `json:"-"`
	}
	telebotPhoto struct {
		telebotFile
		Caption string `json:"caption,omitempty"`
	}
	apiFileBytes struct { // tgbotapi's, and what follows
		Name  string
		Bytes []byte
	}
	apiFilePath string
	apiFileID   string
	gotgFile    struct {
		Name string
		Body io.Reader
		addr string
	}
	echotronFile struct {
		id, path string
		content  []byte
	}
	apiMessage struct {
		ChatID           int64
		ReplyToMessageID int
		Text             string
	}
)

func (f telegoFile) MarshalJSON() ([]byte, error) {
	if f.FileID != "" {
		return json.Marshal(f.FileID)
	}
	return []byte(`""`), nil
}

func (m gotgbotMedia) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"type": "photo", "media": m.Media})
}

func (f *gotgbotFile) MarshalJSON() ([]byte, error)    { return json.Marshal(f.value) }
func (f *gotelegramFile) MarshalJSON() ([]byte, error) { return json.Marshal("@" + f.Filename) }
func (f *gotgFile) MarshalJSON() ([]byte, error)       { return nil, errors.New("no address: " + f.addr) }
func (apiFileBytes) NeedsUpload() bool                 { return true }
func (apiFilePath) NeedsUpload() bool                  { return true }
func (apiFileID) NeedsUpload() bool                    { return false }

type timed struct {
	ChatID  int64         `json:"chat_id"`
	Timeout time.Duration `json:"timeout,omitempty"`
	Until   time.Time     `json:"until_date,omitzero"`
	Photo   io.Reader     `json:"photo"`
	Hidden  io.Reader     `json:"-"`
}

func TestParamsThatTelegramWouldMisreadAreAnErrorThatNamesTheField(t *testing.T) {
	t.Parallel()
	stdin, w, err := os.Pipe()
	require.NoError(t, err)
	defer stdin.Close()
	defer w.Close()
	reader := func() io.Reader { return strings.NewReader("content") }
	document := func(v any) any { return map[string]any{"chat_id": 7, "document": v} }
	for name, test := range map[string]struct {
		params any
		want   []string
	}{
		"a reader":                  {document(reader()), []string{`Params["document"]`, "*strings.Reader", "tghook.File{"}},
		"a file of the disk":        {document(stdin), []string{`Params["document"]`, "*os.File", "tghook.File{"}},
		"a buffer":                  {document(bytes.NewBufferString("x")), []string{`Params["document"]`, "*bytes.Buffer"}},
		"a buffer by value":         {document(struct{ B bytes.Buffer }{}), []string{`Params["document"].B`, "bytes.Buffer"}},
		"a reader in a struct":      {timed{Photo: reader()}, []string{"Params.Photo", "*strings.Reader"}},
		"a reader in a pointer":     {&timed{Photo: reader()}, []string{"Params.Photo"}},
		"a reader in a list":        {document([]any{map[string]any{"media": reader()}}), []string{`Params["document"][0]["media"]`}},
		"a reader that is left out": {&timed{Hidden: reader()}, []string{"Params.Hidden", "tghook.File{"}},
		"telego's":                  {document(telegoFile{File: stdin}), []string{`Params["document"]`, "telegoFile", "its File"}},
		"gotgbot's":                 {document(&gotgbotFile{Name: "a", Data: reader()}), []string{`Params["document"]`, "its Data"}},
		"gotgbot's media":           {document([]any{gotgbotMedia{&gotgbotFile{Data: reader()}}}), []string{`Params["document"][0].Media`, "its Data"}},
		"go-telegram's":             {document(&gotelegramFile{"a.png", reader()}), []string{`Params["document"]`, "gotelegramFile"}},
		"go-telegram's by value":    {document(gotelegramFile{"a.png", reader()}), []string{`Params["document"].Data`, "*strings.Reader"}},
		"go-telegram's media":       {document([]any{&gotelegramMedia{"attach://a", reader()}}), []string{`Params["document"][0].MediaAttachment`}},
		"telebot's":                 {document(telebotFile{FileReader: reader()}), []string{`Params["document"]`, "telebotFile", "file_id"}},
		"telebot's from the disk":   {document(&telebotPhoto{telebotFile{FileLocal: "a.png"}, "hi"}), []string{`Params["document"]`, "telebotFile"}},
		"telebot's as Params":       {&telebotPhoto{}, []string{"Params.telebotFile"}},
		"tgbotapi's bytes":          {document(apiFileBytes{"a", []byte("x")}), []string{`Params["document"]`, "apiFileBytes", "another library"}},
		"tgbotapi's path":           {document(apiFilePath("a.png")), []string{`Params["document"]`, "apiFilePath", "another library"}},
		"tgbotapi's paths":          {document([]apiFilePath{"a.png"}), []string{`Params["document"][0]`}},
		"tgbotapi's message":        {apiMessage{7, 1, "hi"}, []string{`"ChatID"`, `json:"chat_id"`}},
		"one of its names":          {map[string]any{"chat_id": 7, "ReplyToMessageID": 1}, []string{`"ReplyToMessageID"`, `json:"reply_to_message_id"`}},
		"names beside a File":       {map[string]any{"ChatID": 7, "photo": file("a", "b")}, []string{`"ChatID"`, `json:"chat_id"`}},
		"names in JSON":             {json.RawMessage(`{"chatId":7}`), []string{`"chatId"`, `json:"chat_id"`}},
		"go-tg's":                   {document(&gotgFile{"a", reader(), ""}), []string{`Params["document"]`, "its Body"}},
		"go-tg's by value":          {document(gotgFile{"a", reader(), ""}), []string{`Params["document"].Body`}},
		"echotron's":                {document(echotronFile{id: "1", path: "a.png", content: []byte("content")}), []string{`Params["document"]`, "echotronFile", "exports no field"}},
		"a duration":                {timed{Timeout: time.Second}, []string{"Params.Timeout", "time.Duration", "seconds"}},
		"a duration in a map":       {map[string]any{"cache_time": time.Minute}, []string{`Params["cache_time"]`, "seconds"}},
		"no duration, in a map":     {map[string]any{"cache_time": time.Duration(0)}, []string{`Params["cache_time"]`, "seconds"}},
		"a map of durations":        {map[string]time.Duration{"timeout": 1}, []string{`Params["timeout"]`, "seconds"}},
		"a pointer to a duration":   {map[string]any{"a": []any{new(time.Duration)}}, []string{`Params["a"][0]`, "seconds"}},
		"a time":                    {timed{Until: time.Now()}, []string{"Params.Until", "Unix()"}},
		"a File without a Body":     {document(tghook.File{Name: "a"}), []string{`Params["document"]`, "File.Body is nil"}},
		"a zero File that is wanted": {struct {
			Photo tghook.File `json:"photo"`
		}{}, []string{"Params.Photo", "File.Body is nil"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := unsendable(t, tghook.Reply{Method: "sendDocument", Params: test.params})
			called := rig.NewTelegram(t).Client(t, tghook.ClientConfig{}).Call(t.Context(), "sendDocument", test.params, nil)
			assert.Equal(t, err.Error(), called.Error(), "by a Client")
			for _, want := range test.want {
				assert.Containsf(t, err.Error(), want, "%q does not say %s", err, want)
			}
		})
	}
}

// What looks a little like a mistake, and is none.
func TestParamsThatTelegramReadsAsTheyAreMeantAreSent(t *testing.T) {
	t.Parallel()
	seconds := 7
	type described struct {
		Photo  tghook.File `json:"photo"`
		Source io.Reader   `json:"-"` // the user's own business
	}
	source := strings.NewReader("AAA")
	for name, test := range map[string]struct {
		params any
		want   string
	}{
		"a nil reader":              {&timed{ChatID: 7}, `{"method":"m","chat_id":7}`},
		"a nil reader in a map":     {map[string]any{"photo": io.Reader(nil), "a": (*strings.Reader)(nil)}, `{"method":"m"}`},
		"an upload that is an id":   {map[string]any{"a": telegoFile{FileID: "x"}, "b": apiFileID("y"), "c": &gotgbotFile{value: "z"}}, `{"method":"m","a":"x","b":"y","c":"z"}`},
		"media that is an id":       {map[string]any{"media": []any{gotelegramMedia{Media: "x"}}}, `{"method":"m","media":[{"media":"x"}]}`},
		"an empty object":           {map[string]any{"callback_game": struct{}{}}, `{"method":"m","callback_game":{}}`},
		"capital letters below":     {map[string]any{"provider_data": map[string]any{"vatCode": 1}}, `{"method":"m","provider_data":{"vatCode":1}}`},
		"a name that is not sent":   {map[string]any{"ChatID": nil, "chat_id": 7}, `{"method":"m","chat_id":7}`},
		"numbers of every type":     {map[string]any{"a": int8(1), "b": uint64(2), "c": &seconds, "d": json.Number("3"), "e": []int64{4}}, `{"method":"m","a":1,"b":2,"c":7,"d":3,"e":[4]}`},
		"a time that says its text": {map[string]any{"a": time.Unix(7, 0).Unix()}, `{"method":"m","a":7}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := answerWith(t, tghook.Reply{Method: "m", Params: test.params})
			assert.Equal(t, test.want, string(res.Body), "body")
			assert.NoError(t, err, "dead letter")
		})
	}
	parts := rides(t, tghook.Reply{Method: "m", Params: described{tghook.File{Name: "a", Body: source}, source}})
	assert.Equal(t, []string{"method=m", "photo:a=AAA"}, resolved(t, parts), "parts")
}

// encoding/json leaves a zero struct out for omitzero alone.
func TestAZeroFileIsLeftOutWhereItsFieldSaysSo(t *testing.T) {
	t.Parallel()
	type media struct {
		First tghook.File `json:"first,omitempty"` //nolint:modernize // what omitempty does is what is tested
		Type  string      `json:"type"`
		Media tghook.File `json:"media"`
		Thumb tghook.File `json:"thumbnail,omitempty"` //nolint:modernize // what omitempty does is what is tested
		Cover tghook.File `json:"cover,omitzero"`
	}
	type single struct {
		Only tghook.File `json:"only,omitempty"` //nolint:modernize // what omitempty does is what is tested
	}
	res, err := answerWith(t, tghook.Reply{Method: "m", Params: single{}})
	assert.Equal(t, `{"method":"m"}`, string(res.Body), "nothing else")
	require.NoError(t, err, "dead letter")
	res, err = answerWith(t, tghook.Reply{Method: "m", Params: map[string]any{"a": []any{single{}, &single{}}, "b": 1}})
	assert.Equal(t, `{"method":"m","a":[{},{}],"b":1}`, string(res.Body), "nested")
	require.NoError(t, err, "dead letter")
	parts := rides(t, tghook.Reply{Method: "m", Params: media{Type: "photo", Media: file("a", "AAA")}})
	assert.Equal(t, []string{"method=m", "type=photo", "media:a=AAA"}, resolved(t, parts), "at the top")
	parts = rides(t, tghook.Reply{Method: "m", Params: map[string]any{"media": []media{{Type: "photo", Media: file("a", "AAA")}, {Type: "video", Media: file("b", "BBB"), Thumb: file("c", "CCC")}}}})
	got := resolved(t, parts)
	slices.Sort(got)
	assert.Equal(t, []string{`media=[{"type":"photo","media":"<a:AAA>"},{"type":"video","media":"<b:BBB>","thumbnail":"<c:CCC>"}]`, "method=m"}, got, "in an album")
	for name, params := range map[string]any{
		"one by pointer":      map[string]any{"photo": &tghook.File{}},
		"one in a Marshaler":  rig.JSONBy(func() ([]byte, error) { return json.Marshal(map[string]any{"photo": tghook.File{}}) }),
		"one of two, wrongly": []any{single{}, map[string]any{"a": tghook.File{}}},
	} {
		assert.Contains(t, unsendable(t, tghook.Reply{Method: "m", Params: map[string]any{"a": params}}).Error(), "Body", name)
	}
}

func TestALoopInParamsIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	loop := map[string]any{}
	for _, key := range []string{"a", "b", "c"} {
		loop[key] = loop // 3 to the power of the depth, for who walks all of it
	}
	begun := time.Now()
	unsendable(t, tghook.Reply{Method: "m", Params: loop})
	if took := time.Since(begun); took > rig.InTime {
		t.Errorf("it took %v", took)
	}
}
