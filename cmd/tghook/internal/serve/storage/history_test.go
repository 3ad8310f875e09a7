package storage_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// at is a time that both databases keep exactly.
var at = time.UnixMicro(1_800_000_000_123_456).UTC()

// awaitRows waits until a filter finds so many rows.
func awaitRows(t *testing.T, s *storage.Storage, f storage.Filter, number int) []storage.Row {
	t.Helper()
	var rows []storage.Row
	eventually(t, func() bool {
		var err error
		rows, err = s.Rows(t.Context(), f)
		require.NoError(t, err)
		return len(rows) >= number
	}, fmt.Sprintf("%d rows", number))
	require.Len(t, rows, number)
	return rows
}

func TestARowIsKeptWithItsExchange(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s, other := open(t, cfg), open(t, cfg)
		full := storage.Row{
			ID: "full", Bot: 7, Target: "copy", Type: "delivery", At: at, TookMS: 1.5, WaitedMS: 0.25,
			Chat: -100, User: 5, UpdateID: 9, Kind: "message", Method: "sendMessage", Cause: "x", Attempt: 3,
			Status: 200, OK: true, Error: "nul \x00 and \u2028", Dropped: true, Summary: "«Привет» 100%",
			Reply: &storage.RowReply{Method: "sendMessage", Rode: true, Refused: "no", Row: "y"},
		}
		exchange := storage.Exchange{
			Method: "POST", URL: "http://bot.example/", Header: [][2]string{{"A", "1"}, {"A", "2"}}, Body: []byte("\x00\xffbody"),
			Status: 200, AnswerHeader: [][2]string{{"B", ""}}, Answer: []byte{}, AnswerSize: 1 << 40,
		}
		s.Record(full, &exchange)
		s.Record(storage.Row{ID: "bare \xff"}, nil)
		s.Record(storage.Row{ID: "private"}, &storage.Exchange{URL: "u"})
		s.Record(storage.Row{ID: "full", Summary: "the id is taken"}, nil)
		rows := awaitRows(t, other, storage.Filter{}, 3)
		assert.Positive(t, rows[0].Seq)
		assert.Less(t, rows[0].Seq, rows[1].Seq)
		assert.Less(t, rows[1].Seq, rows[2].Seq)
		full.Seq = rows[0].Seq
		assert.Equal(t, full, rows[0])

		row, x, err := other.Row(t.Context(), "full")
		require.NoError(t, err)
		assert.Equal(t, full, row)
		require.NotNil(t, x)
		assert.Equal(t, exchange, *x)
		row, x, err = other.Row(t.Context(), "bare \uFFFD")
		require.NoError(t, err)
		assert.Equal(t, rows[1], row)
		assert.Nil(t, x)
		_, x, err = other.Row(t.Context(), "private")
		require.NoError(t, err)
		assert.Equal(t, &storage.Exchange{URL: "u"}, x)
		_, _, err = other.Row(t.Context(), "absent\x00'")
		require.ErrorIs(t, err, storage.ErrNoRow)
		assert.Zero(t, s.Dropped())
	})
}

func TestFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s := open(t, cfg)
		for i, r := range []storage.Row{
			{Bot: 7, Chat: 1, UpdateID: 1, Kind: "message", Type: "delivery", OK: true, Summary: "ПРИВЕТ 100% of_it"},
			{Bot: 7, Chat: 2, UpdateID: 2, Kind: "callback_query", Type: "delivery", Error: `back\slash`},
			{Bot: 8, Chat: 1, UpdateID: 1, Type: "reply", Method: "sendMessage", OK: true},
			{Bot: 8, Chat: -3, UpdateID: 3, Kind: "message", Type: "delivery"},
		} {
			r.ID = strconv.Itoa(i)
			s.Record(r, nil)
		}
		all := awaitRows(t, s, storage.Filter{}, 4)
		for name, c := range map[string]struct {
			filter storage.Filter
			want   string
		}{
			"bot":              {storage.Filter{Bot: 7}, "01"},
			"chat":             {storage.Filter{Chat: "1"}, "02"},
			"group":            {storage.Filter{Chat: "-3"}, "3"},
			"kind":             {storage.Filter{Kind: "message"}, "03"},
			"type":             {storage.Filter{Kind: "reply"}, "2"},
			"method":           {storage.Filter{Kind: "sendMessage"}, "2"},
			"failed":           {storage.Filter{Failed: true}, "13"},
			"text":             {storage.Filter{Text: "привет"}, "0"},
			"text of a method": {storage.Filter{Text: "SENDmess"}, "2"},
			"percent":          {storage.Filter{Text: "0%"}, "0"},
			"no wildcard":      {storage.Filter{Text: "10%0"}, ""},
			"no other":         {storage.Filter{Text: "offit"}, ""},
			"backslash":        {storage.Filter{Text: `k\s`}, "1"},
			"quote":            {storage.Filter{Text: `' OR 1=1 --`}, ""},
			"update":           {storage.Filter{Update: 1, Bot: 8}, "2"},
			"before":           {storage.Filter{Before: all[2].Seq}, "01"},
			"limit":            {storage.Filter{Limit: 2}, "23"},
			"everything":       {storage.Filter{Bot: 7, Chat: "1", Kind: "delivery", Text: "it", Update: 1, Before: math.MaxInt64, Limit: 5}, "0"},
		} {
			rows, err := s.Rows(t.Context(), c.filter)
			require.NoError(t, err, name)
			var got strings.Builder
			for _, r := range rows {
				got.WriteString(r.ID)
			}
			assert.Equal(t, c.want, got.String(), name)
		}
		_, err := s.Rows(t.Context(), storage.Filter{Chat: "@name"})
		assert.ErrorContains(t, err, `chat "@name" is not a number`)
	})
}

func TestHowManyRowsThereAreAtMost(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s := open(t, cfg)
		for i := range 1200 {
			s.Record(storage.Row{ID: strconv.Itoa(i)}, &storage.Exchange{Body: []byte("x")})
		}
		for limit, want := range map[int]int{0: 100, 1: 1, 2000: 1000} {
			rows := awaitRows(t, s, storage.Filter{Limit: limit, Before: math.MaxInt64}, want)
			eventually(t, func() bool {
				rows, _ = s.Rows(t.Context(), storage.Filter{Limit: limit})
				return rows[len(rows)-1].ID == "1199"
			}, "the newest")
			assert.Equal(t, strconv.Itoa(1200-want), rows[0].ID)
		}
	})
}

func TestCloseWritesWhatWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s, err := storage.Open(t.Context(), cfg)
		require.NoError(t, err)
		s.BePatient()
		const number = 300
		for i := range number {
			s.Record(storage.Row{ID: strconv.Itoa(i)}, nil)
		}
		require.NoError(t, s.Close())
		s.Record(storage.Row{ID: "late"}, nil)
		assert.EqualValues(t, 1, s.Dropped())
		rows, err := open(t, cfg).Rows(t.Context(), storage.Filter{Limit: number})
		require.NoError(t, err)
		assert.Equal(t, number, len(rows)) //nolint:testifylint // it would print them
	})
}

func TestWatchTellsOfRowsOfAllGateways(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s, other := open(t, cfg), open(t, cfg)
		for i, by := range []*storage.Storage{s, other, s, other} {
			// The first look of a storage may tell of what was there before.
			for rows := []storage.Row(nil); len(rows) == i; {
				more := s.Watch()
				var err error
				rows, err = s.Rows(t.Context(), storage.Filter{})
				require.NoError(t, err)
				if len(rows) == i {
					by.Record(storage.Row{ID: strconv.Itoa(i)}, nil)
					by.Record(storage.Row{ID: strconv.Itoa(i)}, nil)
				}
				select {
				case <-more:
				case <-time.After(patience):
					require.Fail(t, "nothing was told")
				}
				rows, err = s.Rows(t.Context(), storage.Filter{})
				require.NoError(t, err)
			}
		}
	})
}

func TestAWatchOfAStorageThatIsClosedNeverEnds(t *testing.T) {
	t.Parallel()
	s, err := storage.Open(t.Context(), onSQLite(t))
	require.NoError(t, err)
	before := s.Watch()
	require.NoError(t, s.Close())
	for _, more := range []<-chan struct{}{before, s.Watch()} {
		select {
		case <-more:
			assert.Fail(t, "its reader would ask again and again")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A row whose number has no JSON is dropped. The rows beside it are not.
func TestARowThatCannotBeWrittenSpoilsNoOther(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s := open(t, cfg)
		s.Record(storage.Row{ID: "a"}, nil)
		s.Record(storage.Row{ID: "b", TookMS: math.NaN()}, nil)
		s.Record(storage.Row{ID: "c", Kind: "\x00\xff", Type: "\xc3", Method: "\x00", Error: "\xff"}, &storage.Exchange{URL: "\xff\x00"})
		awaitRows(t, s, storage.Filter{}, 2)
		eventually(t, func() bool { return s.Dropped() == 1 }, "one is dropped")
	})
}
