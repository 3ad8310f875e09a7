package bench

import (
	stdjson "encoding/json"
	"reflect"
	"testing"

	"github.com/bytedance/sonic"
	expjson "github.com/go-json-experiment/json"
	"github.com/goccy/go-json"
	segmentio "github.com/segmentio/encoding/json"

	"github.com/tghook/tghook/bench/rivals"
	"github.com/tghook/tghook/tghooktest"
)

var decoders = []struct {
	name      string
	unmarshal rivals.Unmarshal
}{
	{"encoding_json", stdjson.Unmarshal},
	{"goccy", json.Unmarshal},
	{"segmentio", segmentio.Unmarshal},
	{"sonic", sonic.Unmarshal},
	{"go_json_experiment", func(data []byte, v any) error { return expjson.Unmarshal(data, v) }},
}

// BenchmarkDecode compares decoders for tghook.TypedWith, with each library's type of update.
func BenchmarkDecode(b *testing.B) {
	for _, name := range bodies {
		body := tghooktest.Update(name)
		for _, library := range rivals.All() {
			if library.Update == nil {
				continue
			}
			want := library.Update()
			if err := stdjson.Unmarshal(body, want); err != nil {
				b.Fatal(err)
			}
			for _, d := range decoders {
				b.Run(name+"/"+library.Name+"/"+d.name, func(b *testing.B) {
					got := library.Update()
					if err := d.unmarshal(body, got); err != nil {
						b.Fatal(err)
					}
					if !reflect.DeepEqual(got, want) {
						b.Fatal("it decodes otherwise than encoding/json")
					}
					b.ReportAllocs()
					measureCPU(b, func() {
						for b.Loop() {
							if err := d.unmarshal(body, library.Update()); err != nil {
								b.Fatal(err)
							}
						}
					})
				})
			}
		}
	}
}
