package doortest

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

// largeFile is more than Telegram can read if it is compressed. It compresses well.
var largeFile = bytes.Repeat([]byte("hello\r\n--"), 3<<20/9)

// SendLargeFile is a handler that replies with a file of 3 MB.
func SendLargeFile(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendDocument", Params: map[string]any{
		"chat_id": u.ChatID, "document": tghook.File{Name: "50%20off.txt", Body: bytes.NewReader(largeFile)},
	}}, nil
}

// WantLargeFile checks that res is the answer of [SendLargeFile] as Telegram can read it: with
// no other bytes than those of its parts.
func WantLargeFile(tb testing.TB, res Response) {
	tb.Helper()
	assert.Equal(tb, 200, res.StatusCode)
	assert.Equal(tb, []string{"none"}, res.Header["Content-Encoding"])
	assert.EqualValues(tb, len(res.Text), res.ContentLength, "Content-Length")
	assert.False(tb, res.Close, "the connection is to be closed")
	mediaType, params, err := mime.ParseMediaType(strings.Join(res.Header["Content-Type"], ", "))
	require.NoError(tb, err)
	require.Equal(tb, "multipart/form-data", mediaType)
	begins, ends := "--"+params["boundary"]+"\r\n", "\r\n--"+params["boundary"]+"--\r\n"
	assert.True(tb, strings.HasPrefix(res.Text, begins) && strings.HasSuffix(res.Text, ends), "the body begins and ends with its boundary")
	parts := multipart.NewReader(strings.NewReader(res.Text), params["boundary"])
	for {
		part, err := parts.NextRawPart()
		require.NoError(tb, err, "the file is in no part")
		if part.FormName() != "document" {
			continue
		}
		assert.Equal(tb, "50%2520off.txt", part.FileName(), "name")
		content, err := io.ReadAll(part)
		require.NoError(tb, err)
		assert.True(tb, bytes.Equal(largeFile, content), "the file is the same")
		return
	}
}
