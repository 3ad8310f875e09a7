package storage_test

import "errors"

const victimVariable = "TGHOOK_STORAGE_VICTIM"

func victim() error { return errors.New("x") }
