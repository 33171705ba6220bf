#!/bin/sh
# gatewaypkg against programs that we did not write: tar reads and writes what it makes, openssl
# verifies what it signs, and what plain openssl signs is accepted. usage: test_gatewaypkg.sh GATEWAYPKG
set -eu
for program in openssl tar cmp od; do
    command -v $program >/dev/null || { echo "skipped: no $program"; exit 77; }
done
pkg=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
system_oid=2.25.227721284026299374982227856948092535230

claim() { echo "$1"; }
fail() { echo "FAILED: $1" >&2; [ ! -f err ] || cat err >&2; exit 1; }

# refuses EXIT CODE WORDS...: gatewaypkg WORDS ends so, in text and in JSON
refuses() {
    want=$1 code=$2; shift 2
    rc=0; "$pkg" "$@" >out 2>err || rc=$?
    [ $rc -eq "$want" ] || fail "gatewaypkg $*: exit $rc, want $want"
    grep -q "$code" err || fail "gatewaypkg $*: no $code"
    rc=0; "$pkg" "$@" --json >out 2>err || rc=$?
    [ $rc -eq "$want" ] && grep -q "\"code\": \"$code\"" out || fail "gatewaypkg $* --json"
}

# flip FILE OFFSET: one bit of one byte
flip() {
    byte=$(od -An -tu1 -j"$2" -N1 "$1" | tr -d ' ')
    printf "$(printf '\\%03o' $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

claim a_trial_pki_has_private_keys_for_their_owner_only
"$pkg" pki pki --vendor acme.example --vendor other.example >/dev/null 2>err || fail pki
[ "$(find pki -name '*.key' | wc -l)" -eq 12 ] || fail "12 keys"
[ -z "$(find pki -name '*.key' ! -perm 600)" ] || fail "keys are 0600"
[ "$(find pki/trust.d -name '*.pem' | wc -l)" -eq 4 ] || fail "4 anchors"
openssl verify -CAfile pki/package/root.pem -untrusted pki/package/intermediate.pem \
    -purpose any pki/package/signer.pem >/dev/null || fail "openssl verifies the chain"
refuses 2 GW1001 pki pki
signer() { echo "--cert $1/signer.pem --key $1/signer.key --chain $1/intermediate.pem"; }
image=$(signer pki/image/acme.example) package=$(signer pki/package)

claim examples_work_as_they_are
"$pkg" init rel >/dev/null 2>err || fail init
refuses 1 GW6007 init rel
head -c 70000 /dev/zero | openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff \
    -iv 00000000000000000000000000000000 >rel/meter.bin
"$pkg" image rel/meter.bin rel/image.json $image >/dev/null 2>err || fail image
"$pkg" image rel/meter.bin rel/image.json >/dev/null 2>err || fail "image without key"
"$pkg" build rel/release.json >/dev/null 2>err || fail build

claim an_unsigned_image_is_signed_elsewhere
"$pkg" sign rel/meter.gwi.unsigned -o rel/again.gwi $image >/dev/null 2>err || fail "sign image"
openssl cms -verify -inform DER -in rel/meter.gwi -CAfile pki/image/acme.example/root.pem \
    -purpose any -out one.der 2>err || fail "openssl verifies an image"
openssl cms -verify -inform DER -in rel/again.gwi -CAfile pki/image/acme.example/root.pem \
    -purpose any -out two.der 2>err || fail "openssl verifies the other image"
cmp one.der two.der || fail "the same manifest"
head -c "$(wc -c <one.der)" rel/meter.gwi.unsigned | cmp - one.der || fail "the bare manifest"
openssl asn1parse -inform DER -in one.der >out || fail "openssl parses the manifest"
grep -q 'UTF8STRING *:1.0.0' out || fail "the version in the manifest"

claim build_gives_the_same_bytes_again
cp plant-a-2026.11.gwp first.gwp
"$pkg" build rel/release.json >/dev/null 2>err
cmp first.gwp plant-a-2026.11.gwp || fail "byte-identical"
refuses 4 GW2003 verify plant-a-2026.11.gwp --trust pki/trust.d

claim a_signed_package_is_verified
"$pkg" sign plant-a-2026.11.gwp $package >/dev/null 2>err || fail sign
gwp=plant-a-2026.11.gwp
"$pkg" verify $gwp --trust pki/trust.d --system acme.example/plant-a >out 2>err || fail verify
grep -q 'verified$' out && grep -q 'trial PKI' out || fail "what verify says"
"$pkg" verify rel/meter.gwi --trust pki/trust.d >/dev/null 2>err || fail "verify of an image"

claim tar_and_openssl_open_it_by_hand
[ "$(tar tf $gwp)" = "manifest.cms
images/meter-fw.gwi" ] || fail "tar lists it"
mkdir x
tar xf $gwp -C x
cmp x/images/meter-fw.gwi rel/meter.gwi || fail "the image is whole"
openssl cms -verify -inform DER -in x/manifest.cms -CAfile pki/package/root.pem -purpose any \
    -out x/content.json 2>err || fail "openssl verifies the package"
cmp x/content.json plant-a-2026.11.json || fail "PACKAGE.json is what was signed"
digest=$(sha256sum plant-a-2026.11.json | cut -d' ' -f1)
"$pkg" info $gwp --json | grep -q "\"identity\": \"$digest\"" || fail "info names the digest"
"$pkg" info $gwp | grep -q "$digest" || fail "info shows the digest"

claim what_plain_tar_and_openssl_make_is_accepted
openssl cms -sign -binary -nodetach -nosmimecap -md sha256 -outform DER -econtent_type $system_oid \
    -signer pki/package/signer.pem -inkey pki/package/signer.key \
    -certfile pki/package/intermediate.pem -in plant-a-2026.11.json -out x/manifest.cms
chmod 644 x/manifest.cms x/images/meter-fw.gwi
make_tar() { (cd x && tar -b1 --format=ustar --mode=0644 --owner=0 --group=0 --numeric-owner \
    --mtime=@0 -cf "../$1" manifest.cms images/meter-fw.gwi); }
make_tar hand.gwp
"$pkg" verify hand.gwp --trust pki/trust.d >/dev/null 2>err || fail "made by hand"
openssl cms -sign -binary -nodetach -nosmimecap -md sha256 -outform DER -econtent_type $system_oid \
    -signer pki/package/signer.pem -inkey pki/package/signer.key -keyid \
    -certfile pki/package/intermediate.pem -in plant-a-2026.11.json -out x/manifest.cms
make_tar keyid.gwp
"$pkg" verify keyid.gwp --trust pki/trust.d >/dev/null 2>err || fail "signer named by key id"
tar xOf $gwp manifest.cms >x/manifest.cms
make_tar same.gwp
cmp same.gwp $gwp || fail "tar writes the same bytes as gatewaypkg"

claim what_is_not_right_is_refused_with_its_code
refuses 4 GW2006 verify $gwp --trust pki/trust.d --system acme.example/plant-b
cp $gwp bad.gwp
flip bad.gwp $(($(wc -c <bad.gwp) - 5000))
refuses 4 GW2012 verify bad.gwp --trust pki/trust.d
head -c 30000 $gwp >bad.gwp
refuses 4 GW2002 verify bad.gwp --trust pki/trust.d
refuses 4 GW2002 info bad.gwp
head -c 100 $gwp >bad.gwp
refuses 4 GW2002 verify bad.gwp --trust pki/trust.d
tar -cf bad.gwp rel
refuses 4 GW2001 verify bad.gwp --trust pki/trust.d
"$pkg" pki stranger >/dev/null 2>err
refuses 4 GW2227 verify $gwp --trust stranger/trust.d
refuses 4 GW2227 verify rel/meter.gwi --trust stranger/trust.d
mkdir -p half/package && cp pki/trust.d/package/trial.pem half/package/
refuses 4 GW1005 verify $gwp --trust half
mkdir -p half/image/acme.example && cp pki/image/other.example/root.pem half/image/acme.example/
refuses 4 GW2227 verify $gwp --trust half
cp pki/package/root.pem half/image/acme.example/
refuses 2 GW1006 verify $gwp --trust half
refuses 4 GW1005 verify $gwp --trust nowhere
refuses 3 GW5015 verify nowhere.gwp --trust pki/trust.d
refuses 2 GW1001 verify $gwp
refuses 2 GW1001 sign $gwp
refuses 2 GW1001 frobnicate
refuses 2 GW1001 verify $gwp --trust pki/trust.d --frobnicate
refuses 4 GW2001 sign $gwp $package

claim descriptions_are_refused_with_line_and_column
sed 's/"class": "pm1"/"klass": "pm1"/' rel/release.json >rel/bad.json
refuses 2 GW1007 build rel/bad.json
grep -q 'rel/bad.json:[0-9]*:[0-9]*: components\[0\].klass: unknown key' out || fail "place"
sed 's/"class": "pm1"/"class": "pm2"/' rel/release.json >rel/bad.json
refuses 4 GW2011 build rel/bad.json
sed 's/"sequence": 1,/"sequence": 0,/' rel/image.json >rel/bad.json
refuses 2 GW1007 image rel/meter.bin rel/bad.json
sed 's/"block_size": 1024/"block_size": 1000/' rel/image.json >rel/bad.json
refuses 2 GW1007 image rel/meter.bin rel/bad.json
sed 's/meter.gwi/meter.gwi.unsigned/' rel/release.json >rel/bad.json
refuses 4 GW2003 build rel/bad.json
cp rel/meter.gwi rel/broken.gwi && flip rel/broken.gwi 40000
sed 's/meter.gwi/broken.gwi/' rel/release.json >rel/bad.json
refuses 4 GW2012 build rel/bad.json -o broken.gwp
[ ! -e broken.gwp ] && [ -z "$(ls | grep 'gwp\.')" ] || fail "nothing half-made is left"

claim keys_that_gateways_refuse_sign_nothing
openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -subj /CN=rsa 2>/dev/null
cp first.gwp rsa.gwp
rc=0; "$pkg" sign rsa.gwp --cert rsa.pem --key rsa.key >out 2>err || rc=$?
[ $rc -eq 4 ] && cmp first.gwp rsa.gwp || fail "an RSA key"
refuses 1 GW2014 sign rsa.gwp --cert pki/package/signer.pem --key pki/timestamp/signer.key
cmp first.gwp rsa.gwp || fail "a key of another certificate"

claim two_signers_can_sign
cp first.gwp two.gwp
"$pkg" sign two.gwp $package --cert stranger/package/signer.pem --key stranger/package/signer.key \
    >out 2>err || fail "two signers"
"$pkg" verify two.gwp --trust pki/trust.d >/dev/null 2>err || fail "one of two is known"

claim plan_reads_a_saved_inventory
vendor=$(sed -n 's/.*"vendor_id": "\(.*\)",/\1/p' <<EOF
$("$pkg" info rel/meter.gwi --json)
EOF
)
class=$(sed -n 's/.*"class_id": "\(.*\)",/\1/p' <<EOF
$("$pkg" info rel/meter.gwi --json)
EOF
)
inventory() {
    cat <<EOF
{"devices": [{"name": "cabinet-1", "bus": "cabinet-1", "router": "uart", "state": "ok",
  "verified_by": "gateway + device", "foreign": false, "slots": [], "baud": 115200,
  "identified": {"name": "cabinet-1", "own": true, "mcuboot": false, "vendor": "$vendor",
    "class": "$class", "hardware": 2, "serial": "01",
    "capabilities": {"spare_slot": true, "can_revert": true, "can_wait": true,
      "reads_back_identity": true, "max_manifest": 8192, "max_table": 8192, "max_block": $1,
      "verify_ms": 300, "activate_ms": 1500, "trial_ms": 60000},
    "slots": [{"component": 0, "slot": 0, "state": "empty", "active": false, "size": 262144}],
    "floors": []}}]}
EOF
}
inventory 1024 >inventory.json
"$pkg" plan $gwp --inventory inventory.json --trust pki/trust.d >out 2>err || fail plan
grep -q 'cabinet-1 *meter-fw .* upgrade .*gateway + device' out || fail "the step"
inventory 1024 | "$pkg" plan $gwp --inventory - --json >out || fail "plan of standard input"
grep -q '"verified": false' out && grep -q '"ok": true' out || fail "plan without trust"
inventory 512 >inventory.json
rc=0; "$pkg" plan $gwp --inventory inventory.json --trust pki/trust.d >out 2>err || rc=$?
[ $rc -eq 4 ] && grep -q GW2506 out || fail "a block that is too large"
refuses 4 GW2227 plan $gwp --inventory inventory.json --trust stranger/trust.d
refuses 2 GW7008 plan $gwp --inventory rel/meter.bin --trust pki/trust.d

claim every_verb_has_help
for verb in init pki image build sign info verify plan; do
    "$pkg" $verb --help | grep -q "usage: gatewaypkg $verb" || fail "help of $verb"
done
echo "all of it holds"
