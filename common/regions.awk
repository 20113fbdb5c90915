# Turns regions.csv into the C table that region.c searches; fails when a row is not of the expected form or order.

function stop(why)
{
	print FILENAME ":" FNR ": " why > "/dev/stderr"
	failed = 1
	exit 1
}

BEGIN {
	print "/* region_table - the regions of regions.csv (ODbL 1.0, see there), sorted by code; generated. */"
	print "#include \"common/region.h\""
	print ""
	print "extern const struct region region_table[];"
	print "extern const size_t region_table_size;"
	print ""
	print "const struct region region_table[] = {"
}

/^#/ { next }

$0 == "code,name" { next }

{
	comma = index($0, ",")
	code = substr($0, 1, comma - 1)
	name = substr($0, comma + 1)
	if (code !~ /^[0-9][0-9](\.[0-9][0-9](\.[0-9][0-9])?)?$/)
		stop("not a region code")
	# As texts: "16.10" is not the number 16.1.
	if ((code "") <= (last ""))
		stop("not sorted by code")
	if (name ~ /^".*"$/) {
		name = substr(name, 2, length(name) - 2)
		gsub(/""/, "\"", name)
	}
	if (name == "")
		stop("no name")
	gsub(/["\\]/, "\\\\&", name)
	print "\t{\"" code "\", \"" name "\"},"
	last = code
}

END {
	if (failed)
		exit 1
	print "};"
	print ""
	print "const size_t region_table_size = sizeof(region_table) / sizeof(region_table[0]);"
}
