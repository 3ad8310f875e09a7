package queue_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/queue"
)

// pending returns a Queue in which n updates wait, with their ids.
func pending(b *testing.B, n int) (*queue.Queue, []int64) {
	b.Helper()
	q := queue.New(time.Now, 1)
	ids := make([]int64, n)
	for i := range ids {
		u, ok := q.Add("poll", []byte(`{"id":"7"}`))
		if !ok {
			b.Fatal("no update")
		}
		ids[i] = u.ID
	}
	return q, ids
}

// One more update, as large as a message, is delivered and forgotten.
func BenchmarkAddNextForget(b *testing.B) {
	object := []byte(`{"message_id":1401,"from":{"id":7244100913,"is_bot":false,"first_name":"Zoë","last_name":"Núñez",` +
		`"username":"zoe_n","language_code":"es","is_premium":true},"chat":{"id":7244100913,"first_name":"Zoë",` +
		`"last_name":"Núñez","username":"zoe_n","type":"private"},"text":"привіт 👋","entities":[]}`)
	for name, waits := range map[string]int{"empty": 0, "99999": 99_999} {
		b.Run(name, func(b *testing.B) {
			q, _ := pending(b, waits)
			b.ReportAllocs()
			for b.Loop() {
				u, ok := q.Add("message", object)
				if !ok {
					b.Fatal("no update")
				}
				if _, ok := q.Next(u.ID - 1); !ok {
					b.Fatal("none is next")
				}
				q.Forget(u.ID)
			}
		})
	}
}

// A full Queue is emptied; the time is per update.
func BenchmarkDrain(b *testing.B) {
	const n = 100_000
	orders := map[string]func([]int64){
		"oldest first": func([]int64) {},
		"at random":    func(ids []int64) { rand.Shuffle(n, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] }) },
		"behind a head that fails": func(ids []int64) {
			ids[0], ids[n-1] = ids[n-1], ids[0]
		},
	}
	for name, order := range orders {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				q, ids := pending(b, n)
				head := ids[0]
				order(ids)
				b.StartTimer()
				for _, id := range ids {
					q.Forget(id)
					q.Next(head)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/update")
		})
	}
}

// A poll takes a hundred updates, and the next poll confirms them; the time is per update.
func BenchmarkPoll(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		b.StopTimer()
		q, ids := pending(b, n)
		b.StartTimer()
		for offset := ids[0]; ; {
			got := q.Get(offset, 100)
			if len(got) == 0 {
				break
			}
			offset = got[len(got)-1].ID + 1
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/update")
}
