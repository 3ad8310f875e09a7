package librarytest

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/rig"
)

var features = []test{
	{"answers a button and edits the message", nil, answersAButton},
	{"uploads a photo", nil, uploads},
	{"uploads an album", nil, uploadsAnAlbum},
	{"downloads a document", nil, downloads},
	{"answers an inline query", nil, answersInline},
	{"calls after its handler has returned", nil, callsLater},
	{"makes API calls only", callsOnly, makesAPICalls},
}

// TestLibrary tries a bot that can do all. Its tests are parallel.
func TestLibrary(t *testing.T, l Library) {
	t.Helper()
	try(t, running(l.Open), l.Needs, slices.Concat(features, basics))
}

// Photo returns a small JPEG.
func Photo() []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 90, 60)), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func answersAButton(t *testing.T, b *bot) {
	t.Helper()
	b.chat.Send("menu")
	b.chat.Expect(t, "Tea?").Press("Yes").Expect(t, "Thanks")
	b.chat.Expect(t, "Yes!")
	b.did(t, "sendMessage Tea?"+rides, "answerCallbackQuery Thanks", "editMessageText Yes!"+rides)
}

func uploads(t *testing.T, b *bot) {
	t.Helper()
	b.chat.Send("photo")
	b.chat.Expect(t, "a photo")
	b.did(t, "sendPhoto"+rides)
	for _, file := range b.tg.Calls("sendPhoto")[0].Files {
		assert.Equal(t, Photo(), file.Content)
	}
}

func uploadsAnAlbum(t *testing.T, b *bot) {
	t.Helper()
	b.chat.Send("album")
	b.did(t, "sendMediaGroup") // whose answer the library needs
	assert.Len(t, b.tg.Calls("sendMediaGroup")[0].Files, 2)
	assert.Len(t, b.chat.Messages(), 3)
}

func downloads(t *testing.T, b *bot) {
	t.Helper()
	b.chat.SendDocument("note.txt", []byte("two eggs"))
	b.chat.Expect(t, "two eggs")
	b.did(t, "getFile", "sendMessage two eggs"+rides)
}

func answersInline(t *testing.T, b *bot) {
	t.Helper()
	results := b.user.Inline("tea").Expect(t)
	require.Len(t, results, 1)
	assert.Equal(t, "tea", results[0].Title)
	b.did(t, "answerInlineQuery"+rides)
}

// callsLater makes a call with a context that has ended. It is not made, which the library
// and the log say.
func callsLater(t *testing.T, b *bot) {
	t.Helper()
	b.chat.Send("later")
	err := rig.Receive(t, "the call", b.later)
	require.ErrorContains(t, err, "the handler has returned")
	require.ErrorIs(t, err, context.Canceled)
	rig.KeepsToken(t, err)
	b.did(t)
	assert.Len(t, b.logged.With("a call of the bot library is lost", "method=sendMessage"), 1)
}

func makesAPICalls(t *testing.T, b *bot) {
	t.Helper()
	b.chat.Send("hi")
	b.chat.Expect(t, b.polite())
	b.did(t, "sendMessage "+b.polite())
}
