//! Writes every target's seeds to `corpus/TARGET`, where cargo-fuzz looks for them.

fn main() -> std::io::Result<()> {
    for target in anymq_fuzz::targets() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        std::fs::create_dir_all(&dir)?;
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(dir.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
