package desk

import (
	"bytes"
	"mime/multipart"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFormHasABoundedNumberOfFields(t *testing.T) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := range maxFields + 1 {
		require.NoError(t, w.WriteField(strconv.Itoa(i), "0")) // the names count for no byte
	}
	require.NoError(t, w.Close())
	var in struct{}
	_, err := decodeForm(multipart.NewReader(&body, w.Boundary()), &in)
	require.ErrorContains(t, err, "more than 100 fields")
}
