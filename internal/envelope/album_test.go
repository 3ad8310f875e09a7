package envelope

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScanFindsTheAlbumOfAMessage(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"update_id":1,"message":{"media_group_id":"77"}}`:                          "77",
		`{"update_id":1,"channel_post":{"media_group_id":"77"}}`:                     "77",
		`{"update_id":1,"business_message":{"media_group_id":"77"}}`:                 "77",
		`{"update_id":1,"edited_message":{"media_group_id":"77"}}`:                   "",
		`{"update_id":1,"message":{"media_group_id":77}}`:                            "",
		`{"update_id":1,"message":{"reply_to_message":{"media_group_id":"77"}}}`:     "",
		`{"update_id":1,"message":{"media_group_id":"76","media_group_id":"77"}}`:    "77",
		`{"update_id":1,"callback_query":{"message":{"media_group_id":"77"}}}`:       "",
		`{"update_id":1,"message":{"text":"an update that is no item of an album"}}`: "",
	} {
		e, err := Scan([]byte(body))
		require.NoError(t, err)
		assert.Equal(t, want, string(e.AlbumID), body)
	}
}
