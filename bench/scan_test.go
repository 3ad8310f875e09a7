package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/buger/jsonparser"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook/internal/envelope"
)

// scanned holds the values that every contender of BenchmarkScan has to find.
type scanned struct {
	id         int64
	kind       string
	chat, user int64
}

// BenchmarkScan compares the envelope scan with other ways to the same values.
// The kind is not known beforehand. jsonparser finds it without a check that the body is
// well-formed. json_valid checks that and finds nothing.
func BenchmarkScan(b *testing.B) {
	updates := []struct {
		name, chat string // chat: the path below the kind
		want       scanned
	}{
		{"message", "chat", scanned{731450000, "message", 7244100913, 7244100913}},
		{"callback_query", "message.chat", scanned{731450013, "callback_query", -1002147483649, 5012345678901}},
		{"message_large", "chat", scanned{731450025, "message", -1002147483649, 5012345678901}},
	}
	for _, u := range updates {
		data, err := os.ReadFile(filepath.Join("..", "tghooktest", "updates", u.name+".json"))
		if err != nil {
			b.Fatal(err)
		}
		chat := strings.Split(u.chat+".id", ".")
		contenders := []struct {
			name string
			scan func() (scanned, bool)
		}{
			{"tghook", func() (scanned, bool) {
				e, err := envelope.Scan(data)
				return scanned{e.ID, e.Kind, e.ChatID, e.UserID}, err == nil
			}},
			{"gjson_valid_and_paths", func() (scanned, bool) { return scanGJSON(data, u.chat+".id") }},
			{"jsonparser", func() (scanned, bool) { return scanJSONParser(data, chat) }},
			{"json_valid", func() (scanned, bool) { return u.want, json.Valid(data) }},
		}
		for _, c := range contenders {
			b.Run(u.name+"/"+c.name, func(b *testing.B) {
				if got, ok := c.scan(); !ok || got != u.want {
					b.Fatalf("got %+v, %v, want %+v", got, ok, u.want)
				}
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					c.scan()
				}
			})
		}
	}
}

func scanGJSON(data []byte, chat string) (s scanned, ok bool) {
	text := unsafe.String(unsafe.SliceData(data), len(data)) // spares gjson a copy
	if !gjson.Valid(text) {
		return s, false
	}
	var body gjson.Result
	gjson.Parse(text).ForEach(func(key, value gjson.Result) bool {
		if key.Str == "update_id" {
			s.id = value.Int()
		} else if value.IsObject() && s.kind == "" {
			s.kind, body = key.Str, value
		}
		return true
	})
	s.chat = body.Get(chat).Int()
	s.user = body.Get("from.id").Int()
	return s, true
}

func scanJSONParser(data []byte, chat []string) (s scanned, ok bool) {
	var body []byte
	err := jsonparser.ObjectEach(data, func(key, value []byte, t jsonparser.ValueType, _ int) (err error) {
		if string(key) == "update_id" {
			s.id, err = jsonparser.ParseInt(value)
		} else if t == jsonparser.Object && s.kind == "" {
			s.kind, body = string(key), value
		}
		return err
	})
	if err != nil {
		return s, false
	}
	if s.chat, err = jsonparser.GetInt(body, chat...); err != nil {
		return s, false
	}
	s.user, err = jsonparser.GetInt(body, "from", "id")
	return s, err == nil
}
