package bench

import (
	"net/http"
	"testing"

	"github.com/goccy/go-json"
	"github.com/valyala/fasthttp"

	"github.com/tghook/tghook/bench/rivals"
	"github.com/tghook/tghook/tghooktest"
)

// BenchmarkReceive measures one update from the call of a library's own receiver,
// and of tghook's with that library's type of update, until the bot has the typed
// update and the call has returned. Then the next one follows. Each update has an id of
// its own, and tghook has every protection on.
//
// "tghook" decodes with encoding/json, as most of the libraries do,
// "tghook_same_decoder" with the library's own decoder, and "tghook_fast" with the
// decoder that is the fastest in BenchmarkDecode.
func BenchmarkReceive(b *testing.B) {
	for _, name := range bodies {
		body := tghooktest.Update(name)
		b.Run(name, func(b *testing.B) {
			for _, library := range rivals.All() {
				b.Run(library.Name, func(b *testing.B) { receive(b, body, library) })
			}
		})
	}
}

func receive(b *testing.B, body []byte, library rivals.Library) {
	b.Helper()
	got := make(chan int64, 1)
	handle := func(id int64) { got <- id }
	b.Run("own", func(b *testing.B) {
		r, err := library.Receive(handle)
		if err != nil {
			b.Fatal(err)
		}
		if r.Fast != nil {
			measureCPU(b, func() { serveFast(b, body, untilFast(b, got, r.Fast)) })
			return
		}
		measureCPU(b, func() { serve(b, body, until(b, got, r.HTTP)) })
	})
	if library.Typed == nil {
		return
	}
	decoders := []struct {
		name      string
		unmarshal rivals.Unmarshal
	}{{"tghook", nil}, {"tghook_same_decoder", library.Unmarshal}, {"tghook_fast", json.Unmarshal}}
	for i, d := range decoders {
		if i == 1 && d.unmarshal == nil {
			continue
		}
		b.Run(d.name, func(b *testing.B) {
			h := until(b, got, hook(b, library.Typed(d.unmarshal, handle)))
			measureCPU(b, func() { serve(b, body, h) })
		})
	}
}

// until returns a handler that calls h and returns when the bot has got the update.
func until(b *testing.B, got <-chan int64, h http.Handler) http.Handler {
	b.Helper()
	check := inOrder(b, got)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(rw, r)
		check()
	})
}

// untilFast is until for fasthttp.
func untilFast(b *testing.B, got <-chan int64, h fasthttp.RequestHandler) fasthttp.RequestHandler {
	b.Helper()
	check := inOrder(b, got)
	return func(c *fasthttp.RequestCtx) {
		h(c)
		check()
	}
}

func inOrder(b *testing.B, got <-chan int64) (check func()) {
	b.Helper()
	last := int64(100_000_000)
	return func() {
		last++
		if id := <-got; id != last {
			b.Fatalf("the bot has update %d, want %d", id, last)
		}
	}
}
