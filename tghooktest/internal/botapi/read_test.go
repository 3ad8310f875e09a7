package botapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

const (
	asForm      = "application/x-www-form-urlencoded"
	asJSON      = "application/json"
	asMultipart = "multipart/form-data; boundary=B"
)

type values = map[string]string

func TestParametersAreReadAsTelegramReadsThem(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, query, contentType, body string
		method                         string
		want                           values
	}{
		{name: "nothing", want: values{}},
		{name: "a query", query: "chat_id=7&text=a%20b+c%2B&method=getMe", method: "getMe", want: values{"chat_id": "7", "text": "a b c+"}},
		{name: "the query before the body", query: "a=1", contentType: asForm, body: "a=2&b=3", want: values{"a": "1", "b": "3"}},
		{name: "the first of several", contentType: asForm, body: "a=1&a=2", want: values{"a": "1"}},
		{name: "escapes that are none", query: "a=%zz%4&b=%&c=100%25&d=%D0%9F", want: values{"a": "%zz%4", "b": "%", "c": "100%", "d": "\u041f"}},
		{name: "what separates", query: "a;b=1;2&c&d==&&=e", want: values{"a;b": "1;2", "c": "", "d": "=", "": ""}},
		{name: "a content type in any case and place", contentType: "X/Y; APPLICATION/JSON", body: `{"a":"1"}`, want: values{"a": "1"}},
		{name: "a form that says it is JSON too", contentType: asJSON + ", " + asForm, body: `a={}`, want: values{"a": "{}"}},
		{name: "another content type", contentType: "text/json", body: `{"a":"1"}`, want: values{}},
		{name: "no content type", body: `{"a":"1"}`, want: values{}},
		{
			name: "JSON that is no string", contentType: asJSON,
			body: `{"method":"sendMessage","a":-1.50e3,"b":true,"c":null,"d":[ 1, {"x":"\u00e9"} ] ,"e":{},"f":"\u00e9"}`, method: "sendMessage",
			want: values{"a": "-1.50e3", "b": "true", "c": "null", "d": `[ 1, {"x":"\u00e9"} ]`, "e": "{}", "f": "\u00e9"},
		},
		{name: "null for a method", contentType: asJSON, body: `{"method":null}`, method: "null", want: values{}},
		{name: "the first of several in JSON", contentType: asJSON, body: `{"a":"1","a":"2","\u0061":"3"}`, want: values{"a": "1"}},
		{
			name: "escapes in JSON", contentType: asJSON, body: `{"\"\\\/\b\f\n\r\t\x":"\u0041\uD83C\uDF89` + "\n\x01" + `"}`,
			want: values{"\"\\/\b\f\n\r\tx": "A\U0001f389\n\x01"},
		},
		{name: "half a surrogate pair is no UTF-8", contentType: asJSON, body: `{"a":"\ud83c","b":"\udf89\ud83c!","c":"\ud83c\u0041"}`, want: values{
			"a": "\xed\xa0\xbc", "b": "\xed\xbe\x89\xed\xa0\xbc!", "c": "\xed\xa0\xbcA",
		}},
		{name: "bytes that are no UTF-8", contentType: asJSON, body: "{\"a\":\"\xff\"}", want: values{"a": "\xff"}},
		{name: "space in JSON", contentType: asJSON, body: " \r\n\t{ \"a\" : 1 , \"b\" : \"2\" } ", want: values{"a": "1", "b": "2"}},
		{name: "a comma at the end", contentType: asJSON, body: `{"a":"1",}`, want: values{"a": "1"}},
		{name: "JSON that breaks off", contentType: asJSON, body: `{"a":"1","b":[1,"c":"3"}`, want: values{"a": "1"}},
		{name: "JSON that is cut", contentType: asJSON, body: `{"a":"1","b":"2`, want: values{"a": "1"}},
		{name: "a value that is none", contentType: asJSON, body: `{"a":"1","b":nil,"c":"3"}`, want: values{"a": "1"}},
		{name: "an exponent alone", contentType: asJSON, body: `{"a":e5,"c":"3"}`, want: values{}},
		{name: "a number as lenient as Telegram", contentType: asJSON, body: `{"a":+.5-,"b":1}`, want: values{"a": "+.5-", "b": "1"}},
		{name: "an escape that is none in JSON", contentType: asJSON, body: `{"a":"1","b":"\u00g0","c":"3"}`, want: values{"a": "1"}},
		{name: "no comma", contentType: asJSON, body: `{"a":"1" "b":"2"}`, want: values{"a": "1"}},
		{name: "no colon", contentType: asJSON, body: `{"a" "1"}`, want: values{}},
		{name: "a name without quotes", contentType: asJSON, body: `{a:"1"}`, want: values{}},
		{name: "more after the object", contentType: asJSON, body: `{"a":"1"}{"b":"2"}`, want: values{"a": "1"}},
		{name: "an array", contentType: asJSON, body: `[{"a":"1"}]`, want: values{}},
		{name: "a string", contentType: asJSON, body: `"a"`, want: values{}},
		{name: "empty JSON", contentType: asJSON, want: values{}},
		{name: "empty multipart", contentType: asMultipart, want: values{}},
		{name: "as deep as can be", contentType: asJSON, body: `{"a":` + nested(100) + `,"b":1}`, want: values{"a": nested(100), "b": "1"}},
		{name: "deeper", contentType: asJSON, body: `{"a":` + nested(101) + `,"b":1}`, want: values{}},
		{
			name: "multipart", contentType: asMultipart, query: "a=0",
			body: parts("Content-Disposition: form-data; name=\"method\"\n\nsendMessage", "content-disposition:form-data; x=y;name=b\nContent-Type: text/plain\n\n1\r\n2",
				"Content-Disposition: form-data; name=a\n\n1", "Content-Disposition: form-data; name=b\n\n3", "Content-Disposition: form-data; name=c\n\n"),
			method: "sendMessage", want: values{"a": "0", "b": "1\r\n2", "c": ""},
		},
		{name: "a boundary in quotes", contentType: `Multipart/Form-Data; charset=utf-8; Boundary="B"; x=y`, body: parts("Content-Disposition: form-data; name=a\n\n1"), want: values{"a": "1"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			p, err := botapi.Read(x.query, http.Header{"Content-Type": {x.contentType}}, strings.NewReader(x.body))
			assert.Nilf(t, err, "%v %v %v %v", p.Method, p.Values, x.method, x.want)
			assert.Equal(t, x.method, p.Method)
			assert.Equal(t, x.want, p.Values)
			assert.NotNilf(t, p.Values, "%v %v", x.method, x.want)
		})
	}
}

func nested(depth int) string {
	return strings.Repeat(`[`, depth) + `{}` + strings.Repeat(`]`, depth)
}

// parts returns a multipart body. \n becomes a line's end, except in content, where \r\n
// must be written.
func parts(part ...string) string {
	var body strings.Builder
	for _, p := range part {
		head, content, _ := strings.Cut(p, "\n\n")
		body.WriteString("--B\r\n" + strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + content + "\r\n")
	}
	return body.String() + "--B--\r\n"
}

func TestFilesArePartsWithAFilename(t *testing.T) {
	t.Parallel()
	binary := make([]byte, 0, 70<<10)
	for len(binary) < cap(binary) {
		binary = append(binary, "\r\n--A\x00\xff"[len(binary)%7])
	}
	body := parts(
		"Content-Disposition: form-data; name=\"photo\"; filename=\"a b.jpg\"\nContent-Type: image/jpeg\n\njpeg",
		"Content-Disposition: form-data; name=photo; filename=second.jpg\n\nignored",
		"Content-Disposition: form-data; filename=\"\"; name=empty\n\n",
		"Content-Disposition: form-data; name=\"media\"\n\n[{\"media\":\"attach://photo\"}]",
		"Content-Disposition: form-data; name=thumbnail\n\nattach://photo",
		"Content-Disposition: form-data; name=cover\n\nattach://missing",
		"Content-Disposition: form-data; name=\"x\"; filename=\"\u041f\"\n\n"+string(binary),
	)
	p, err := botapi.Read("", http.Header{"Content-Type": {asMultipart}}, strings.NewReader(body))
	require.Nil(t, err)
	want := map[string]botapi.File{
		"photo": {Name: "a b.jpg", ContentType: "image/jpeg", Content: []byte("jpeg")},
		"empty": {ContentType: "application/octet-stream", Content: []byte{}},
		"x":     {Name: "\u041f", ContentType: "application/octet-stream", Content: binary},
	}
	assert.Equal(t, want, p.Files)
	for name, content := range map[string]string{"photo": "jpeg", "thumbnail": "jpeg", "empty": "", "cover": "-", "media": "-", "none": "-"} {
		if f, ok := p.File(name); ok != (content != "-") || ok && string(f.Content) != content {
			t.Errorf("the file of %s is %q, %t", name, f.Content, ok)
		}
	}
	if f, ok := p.Attached("attach://photo"); !ok || f.Name != "a b.jpg" {
		t.Errorf("attach://photo is %q, %t", f.Name, ok)
	}
	if f, ok := p.Attached("photo"); ok {
		t.Errorf("without attach:// comes %q", f.Name)
	}
}

func TestPartHeadersAreReadAsTelegramReadsThem(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		disposition string // after "form-data;"
		field, file string // "-": no file
	}{
		{`name=a; filename="x;y.txt"`, "a", "x;y.txt"},
		{`name="a;b"; filename=x`, "a;b", "x"},
		{`name="a\"b\\c\d"; filename="\"x\".txt"`, `a"b\cd`, `"x".txt`},
		{`name="a%22b"; filename=50%20off.txt`, `a"b`, "50 off.txt"},
		{`name=a; filename="100%25+%zz%4"`, "a", "100%+%zz%4"},
		{"name=a; filename=\"\u043f\u0440\U0001f389.txt\"", "a", "\u043f\u0440\U0001f389.txt"},
		{`name=a; filename=%D0%BF.txt`, "a", "\u043f.txt"},
		{`name=a; filename=x"y"`, "a", `x"y"`},
		{`name=a; filename="x" ; y=z`, "a", "x"},
		{`name=a; filename*=UTF-8''x.txt`, "a", "-"},
		{`name=a; filename="x.txt"; filename*=UTF-8''y.txt`, "a", "x.txt"},
		{`name=a; filename=`, "a", ""},
		{`name=a; filename=""`, "a", ""},
		{`name=a; FileName=x`, "a", "-"},
		{`name=a;name=b; filename=x;filename=y`, "b", "y"},
		{"name=a;\n\tfilename= \"x\"", "a", "x"},
		{`name=a;filename`, "a", "-"},
	} {
		body := parts("x-before: y\nCONTENT-DISPOSITION : form-data;" + x.disposition + "\nX-After: z\n\n1")
		p, err := botapi.Read("", http.Header{"Content-Type": {asMultipart}}, strings.NewReader(body))
		if err != nil {
			t.Errorf("%s is refused with %d", x.disposition, err.Code)
			continue
		}
		if x.file == "-" {
			assert.Equal(t, values{x.field: "1"}, p.Values, x.disposition)
			assert.Empty(t, p.Files, x.disposition)
			continue
		}
		if f, ok := p.Files[x.field]; !ok || f.Name != x.file || string(f.Content) != "1" || len(p.Values) != 0 {
			t.Errorf("%s is %q and %q", x.disposition, p.Values, p.Files)
		}
	}
}

func TestAPartMayBeAForm(t *testing.T) {
	t.Parallel()
	head := "Content-Disposition: form-data; name=x\nContent-Type: "
	body := parts("Content-Disposition: form-data; name=a\n\n1", head+asForm+"; charset=utf-8\n\na=2&b=%2B+&method=sendMessage", head+"Application/X-www-form-urlencoded\n\nc=3")
	p, err := botapi.Read("", http.Header{"Content-Type": {asMultipart}}, iotest.OneByteReader(strings.NewReader("before it "+body+" and after it")))
	if want := (values{"a": "1", "b": "+ ", "x": "c=3"}); err != nil || p.Method != "sendMessage" || !maps.Equal(p.Values, want) {
		t.Errorf("read %q %q, %v, want %q", p.Method, p.Values, err, want)
	}
}

func TestMimeMultipartIsUnderstood(t *testing.T) {
	t.Parallel()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	_ = w.WriteField("text", "1\n\r\n--")
	const name = "a;b \"c\" \\d \u043f.txt"
	f, _ := w.CreateFormFile("document", name)
	_, _ = io.WriteString(f, "content")
	_ = w.Close()
	p, err := botapi.Read("", http.Header{"Content-Type": {w.FormDataContentType()}}, &body)
	assert.Nil(t, err, p)
	assert.Equal(t, "1\n\r\n--", p.String("text"))
	assert.Equal(t, "content", string(p.Files["document"].Content))
	assert.Equal(t, name, p.Files["document"].Name)
}

const mebibyte = 1 << 20

// A webhook reply is refused for the same reasons as a call, and with a text.
func TestWhatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	file := "Content-Disposition: form-data; name=a; filename=b\n\n"
	for _, x := range []struct {
		name, contentType, body string
		code                    int // 0 if it is read
		text                    string
	}{
		{"a form of 1 MiB", asForm, "a=" + strings.Repeat("x", mebibyte-2), 0, ""},
		{"a form above 1 MiB", asForm, "a=" + strings.Repeat("x", mebibyte-1), 413, "Request Entity Too Large: too many parameters"},
		{"JSON of 1 MiB", asJSON, `{"a":"` + strings.Repeat("x", mebibyte-8) + `"}`, 0, ""},
		{"JSON above 1 MiB", asJSON, `{"a":"` + strings.Repeat("x", mebibyte-7) + `"}`, 413, "Request Entity Too Large: too many parameters"},
		{"JSON that ends long before 1 MiB", asJSON, `{}` + strings.Repeat(" ", mebibyte), 413, "Request Entity Too Large: too many parameters"},
		{"parts of 1 MiB", asMultipart, parts("Content-Disposition: form-data; name=a\n\n"+strings.Repeat("x", mebibyte-1), "Content-Disposition: form-data; name=b\n\n"+strings.Repeat("x", mebibyte)), 0, ""},
		{"a part above 1 MiB", asMultipart, parts("Content-Disposition: form-data; name=a\n\n" + strings.Repeat("x", mebibyte+1)), 413, "Request Entity Too Large: too many parameters in form data"},
		{"parts that are forms above 1 MiB", asMultipart, parts(times(2, "Content-Disposition: form-data; name=a\nContent-Type: "+asForm+"\n\na="+strings.Repeat("x", mebibyte/2))...), 413, "Request Entity Too Large: too many parameters in form data"},
		{"parts above the room of the simulated Telegram", asMultipart, parts(times(65, "Content-Disposition: form-data; name=a\n\n"+strings.Repeat("x", mebibyte))...), 413, "Request Entity Too Large: too many parameters in form data"},
		{"a file above 1 MiB", asMultipart, parts(file + strings.Repeat("x", 2*mebibyte)), 0, ""},
		{"50 files", asMultipart, parts(times(50, file)...), 0, ""},
		{"51 files", asMultipart, parts(times(51, file)...), 413, "Request Entity Too Large: too many files attached"},
		{"headers above 256 KiB", asMultipart, parts(times(300, "Content-Disposition: form-data; name="+strings.Repeat("x", 1<<10)+"\n\n")...), 431, "Request Header Fields Too Large: total headers size exceeded"},
		{"no boundary", "multipart/form-data", "--B--\r\n", 400, "Bad Request: boundary not found"},
		{"a boundary without value", "multipart/form-data; boundary", "--B--\r\n", 400, "Bad Request: boundary value not found"},
		{"an empty boundary", "multipart/form-data; boundary=", "--B--\r\n", 400, "Bad Request: boundary too big or empty"},
		{"a long boundary", "multipart/form-data; boundary=" + strings.Repeat("B", 71), "--B--\r\n", 400, "Bad Request: boundary too big or empty"},
		{"parts that end in a header", asMultipart, "--B\r\nContent-Dis", 400, "Bad Request: unexpected end of request content"},
		{"parts that end in a value", asMultipart, strings.TrimSuffix(parts("Content-Disposition: form-data; name=a\n\n1"), "\r\n--B--\r\n"), 400, "Bad Request: unexpected end of request content"},
		{"parts that end in a file", asMultipart, strings.TrimSuffix(parts(file+"1"), "\r\n--B--\r\n"), 400, "Bad Request: unexpected end of request content"},
		{"parts without an end", asMultipart, strings.TrimSuffix(parts("Content-Disposition: form-data; name=a\n\n1"), "--B--\r\n"), 400, "Bad Request: unexpected end of request content"},
		{"parts that end before headers", asMultipart, "--B\r\n", 400, "Bad Request: unexpected end of request content"},
		{"parts that end after a header", asMultipart, "--B\r\nContent-Disposition: form-data; name=a\r\n", 400, "Bad Request: unexpected end of request content"},
		{"parts that end after headers", asMultipart, "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n", 400, "Bad Request: unexpected end of request content"},
		{"parts that end in a boundary", asMultipart, "--B", 400, "Bad Request: unexpected end of request content"},
		{"parts whose end is the body's", asMultipart, strings.TrimSuffix(parts("Content-Disposition: form-data; name=a\n\n1"), "\r\n"), 0, ""},
		{"the last boundary alone", asMultipart, "--B--", 400, "Bad Request: unexpected end of request content"},
		{"a last boundary without parts", asMultipart, "--B--\r\n", 400, "Bad Request: unexpected end of request content"},
		{"no boundary in the body", asMultipart, "text", 400, "Bad Request: unexpected end of request content"},
		{"a part without headers", asMultipart, "--B\r\n\r\n1\r\n--B--", 400, "Bad Request: headers in multipart/form-data are empty"},
		{"a header without a colon", asMultipart, parts("Content-Disposition: form-data; name=a\nContent-Type\n\n1"), 400, "Bad Request: can't parse form data headers"},
		{"a header whose line ends in CR alone", asMultipart, parts("Content-Disposition: form-data; name=a\rX: y\n\n1"), 400, "Bad Request: can't parse form data headers"},
		{"an unclosed name", asMultipart, parts("Content-Disposition: form-data; name=\"a\n\n1"), 400, "Bad Request: unclosed quoted string in Content-Disposition header"},
		{"a filename that an escape leaves unclosed", asMultipart, parts("Content-Disposition: form-data; name=a; filename=\"b\\\"\n\n1"), 400, "Bad Request: unclosed quoted string in Content-Disposition header"},
		{"an escape of nothing", asMultipart, parts("Content-Disposition: form-data; name=\"a\\\n\n1"), 400, "Bad Request: wrong escape sequence in Content-Disposition header"},
		{"more after quotes", asMultipart, parts("Content-Disposition: form-data; name=\"a\"b\n\n1"), 400, "Bad Request: expected ';' in Content-Disposition header"},
		{"a name after a word without value", asMultipart, parts("Content-Disposition: form-data; x; name=a\n\n1"), 400, "Bad Request: field name in multipart/form-data not found"},
		{"a part without a name", asMultipart, parts("Content-Disposition: form-data; filename=a\n\n1"), 400, "Bad Request: field name in multipart/form-data not found"},
		{"a part that is no form data", asMultipart, parts("Content-Disposition: attachment; name=a\n\n1"), 400, "Bad Request: expected form-data content disposition"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"Content-Type": {x.contentType}}
			p, refusal := botapi.Read("", header, strings.NewReader(x.body))
			_, _, err := answered(x.contentType, "", x.body, len(x.body))
			if x.code == 0 {
				if refusal != nil || err != nil || len(p.Values)+len(p.Files) == 0 && x.body[0] != '{' {
					t.Errorf("got %v and %v, and %d values", refusal, err, len(p.Values))
				}
				return
			}
			require.NotNil(t, refusal, x.code)
			assert.Equal(t, (botapi.Error{Code: x.code}), *refusal)
			assert.NotNilf(t, p.Values, "%v %v", refusal, x.code)
			require.ErrorAsf(t, err, &refusal, "%v %v", x.code, x.text)
			assert.Equal(t, (botapi.Error{Code: x.code, Description: x.text}), *refusal)
		})
	}
}

func TestQueryAndBodyShareOneMebibyte(t *testing.T) {
	t.Parallel()
	p, err := botapi.Read(strings.Repeat("x", 100), http.Header{"Content-Type": {asForm}}, strings.NewReader(strings.Repeat("x", mebibyte-99)))
	require.NotNil(t, err)
	assert.Equal(t, http.StatusRequestEntityTooLarge, err.Code)
	assert.Empty(t, p.Values)
	if _, err = botapi.Read(strings.Repeat("x", mebibyte+1), nil, nil); err == nil || err.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a query above 1 MiB: %v", err)
	}
}

func times(n int, of string) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = of
	}
	return s
}

func TestABodyThatFailsIsNoCall(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{asForm, asJSON, asMultipart} {
		for _, encoding := range []string{"", "gzip"} {
			header := http.Header{"Content-Type": {contentType}, "Content-Encoding": {encoding}}
			body := io.MultiReader(strings.NewReader("\x1f"), iotest.ErrReader(errors.New("broken")))
			if _, err := botapi.Read("", header, body); err == nil || *err != (botapi.Error{Code: 400}) {
				t.Errorf("%s: a call fails with %+v, want 400 and no text", contentType, err)
			}
		}
	}
}

// An object that encoding/json accepts has the same members for Telegram.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"method":"sendMessage","a":1,"a":2}`, ` { "x" : [ 1 , {"y":null} ] , "\u00e9\ud83c\udf89\/":"\"\\" } `,
		`{"a":-1.5e+10,"b":false,"c":{},"d":[]}`, `{"a"`, `[]`, `{"a":"\ud83c"}`, `{"a":tru}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, refusal := botapi.Read("", http.Header{"Content-Type": {asJSON}}, strings.NewReader(text))
		want, alike := members(text)
		if refusal != nil || !alike {
			return
		}
		method := want["method"]
		delete(want, "method")
		assert.Equal(t, method, p.Method, text)
		assert.Equalf(t, want, p.Values, "%v %v", text, method)
	})
}

// members returns the members that encoding/json finds in an object; false if Telegram must
// find others.
func members(text string) (values, bool) {
	if !json.Valid([]byte(text)) || !utf8.ValidString(text) || strings.Count(text, "[")+strings.Count(text, "{") > 100 ||
		strings.Contains(strings.ToLower(text), `\ud`) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	m := values{}
	if start, _ := d.Token(); start != json.Delim('{') {
		return m, true
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			panic(fmt.Sprintf("%q is valid: %v", text, err))
		}
		if _, ok := m[name.(string)]; ok {
			continue
		}
		m[name.(string)] = string(value)
		if value[0] == '"' {
			var s string
			_ = json.Unmarshal(value, &s)
			m[name.(string)] = s
		}
	}
	return m, true
}
