# Says which of the things that environments need this image lacks, and what could install them.
has() {
	for name; do
		command -v "$name" >/dev/null 2>&1 && return
	done
	return 1
}
[ -s /etc/ssl/certs/ca-certificates.crt ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ] || echo missing certificates
has cc gcc clang || echo missing compiler
has git || echo missing git
has make || echo missing make
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || echo missing python
has apt-get && echo installer apt
while IFS='=' read -r key value; do
	value=${value#\"} value=${value%\"}
	case $key in
	ID) echo "distribution $value" ;;
	VERSION_CODENAME) echo "release $value" ;;
	esac
done </etc/os-release
exit 0
