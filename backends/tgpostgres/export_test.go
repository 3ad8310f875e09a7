package tgpostgres

// PruneOneIn makes a Claim remove expired rows one time in n, on average.
func PruneOneIn(s *Store, n int) { s.passing = n }
