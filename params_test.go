package tghook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

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
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %s", err, want)
				}
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
	assert.NoError(t, err, "dead letter")
	res, err = answerWith(t, tghook.Reply{Method: "m", Params: map[string]any{"a": []any{single{}, &single{}}, "b": 1}})
	assert.Equal(t, `{"method":"m","a":[{},{}],"b":1}`, string(res.Body), "nested")
	assert.NoError(t, err, "dead letter")
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
		if err := unsendable(t, tghook.Reply{Method: "m", Params: map[string]any{"a": params}}); !strings.Contains(err.Error(), "Body") {
			t.Errorf("%s: %v", name, err)
		}
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
